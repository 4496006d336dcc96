// An NVIDIA GPU as a device: the CUDA runtime, a stream, cuDNN's handle and the module of our own kernels. Or
// only a GPU's description, for which kernels can be made and asked about, but not run.
#pragma once

#include <cudnn.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "../core/backend.h"
#include "context.h"
#include "cudnnLibrary.h"
#include "module.h"

namespace mlpconv {

class CudaDevice final : public Device {
 public:
  /// Throws DeviceError, with all that was tried, if there is no such GPU or a library is missing.
  explicit CudaDevice(const DeviceOptions& options);
  ~CudaDevice() override;

  void attach() override;
  int threads() const override { return 1; }
  size_t freeBytes() const override;
  std::shared_ptr<Memory> allocate(size_t bytes, Contents contents) override;
  void write(Memory& memory, size_t byteOffset, const void* data, size_t bytes) override;
  void read(const Memory& memory, size_t byteOffset, void* data, size_t bytes) override;
  /// Fills it with NaNs if the variable MLPCONV_POISON is set.
  void discard(void* data, size_t bytes) override;
  std::shared_ptr<Kernel> createKernel(const KernelDescription& description) override;
  int compilingThreads() const override;
  void attachCompilingThread() override;
  void synchronize() override;
  /// Captures the stream as a CUDA graph.
  std::unique_ptr<Replay> record(const std::function<void()>& work) override;

  /// Whether it is more than a description.
  bool isPresent() const { return context_ != nullptr; }
  /// The CUDA runtime's functions. Throws DeviceError on a device that is only a description.
  const CudaRuntime& runtime() const { return context().runtime(); }
  cudaStream_t stream() const { return stream_; }
  /// Our own kernels. Throws DeviceError on a device that is only a description.
  const Module& module() const;
  /// With which plans run. Null on a device that is only a description. No two threads may use it at once:
  /// those that make kernels hold `handleMutex()`.
  cudnnHandle_t cudnnHandle() const { return handle_; }
  std::mutex& handleMutex() { return handleMutex_; }
  /// A handle to build plans with, which is the calling thread's alone until it lets go of it. Null on a
  /// device that is only a description. Throws DeviceError.
  std::shared_ptr<cudnnContext> planningHandle();
  /// cuDNN's device properties as JSON, and the compute capability (90), by which plans are chosen. Of a GPU
  /// only what tells one kind from another.
  const std::string& properties() const { return properties_; }
  int computeCapability() const { return computeCapability_; }
  /// Whether cuDNN's engines are chosen by measuring.
  bool autotunes() const { return autotunes_; }
  /// Where built plans are kept from run to run: the folder that MLPCONV_PLAN_CACHE names, else one in the
  /// cache.
  std::string planFolder() const;

 private:
  /// Throws DeviceError on a device that is only a description.
  const CudaContext& context() const;

  std::shared_ptr<const CudaContext> context_;
  /// Where cudnn-frontend's calls find it.
  CudnnLibrary cudnn_;
  std::string properties_;
  int computeCapability_;
  bool autotunes_;
  bool poisons_;
  cudaStream_t stream_ = nullptr;
  cudnnHandle_t handle_ = nullptr;
  std::mutex handleMutex_;
  /// Those that no thread has.
  std::vector<cudnnHandle_t> planningHandles_;
  std::optional<Module> module_;
};

}  // namespace mlpconv
