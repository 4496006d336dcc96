// An NVIDIA GPU as a device: the CUDA runtime, a stream, cuDNN's handle and the module of our own kernels. Or
// only a GPU's description, for which kernels can be made and asked about, but not run.
#pragma once

#include <optional>
#include <string>

#include "../core/backend.h"
#include "cudart.h"
#include "cudnn.h"
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
  std::shared_ptr<Memory> allocate(size_t bytes) override;
  void write(Memory& memory, size_t byteOffset, const void* data, size_t bytes) override;
  void read(const Memory& memory, size_t byteOffset, void* data, size_t bytes) override;
  std::shared_ptr<Kernel> createKernel(const KernelDescription& description) override;
  void synchronize() override;

  /// The CUDA runtime's functions. Throws DeviceError on a device that is only a description.
  const CudaRuntime& runtime() const;
  cudaStream_t stream() const;
  /// Our own kernels.
  const Module& module() const;
  /// Loaded; its symbols answer the cudnn-frontend's calls.
  const Cudnn& cudnn() const;
  /// Null on a device that is only a description.
  cudnnHandle_t cudnnHandle() const;
  /// cuDNN's device properties as JSON, and the compute capability (90), by which plans are chosen.
  const std::string& properties() const;
  int computeCapability() const;
  /// Where built plans are kept from run to run; empty: nowhere.
  const std::string& planFolder() const;
};

}  // namespace mlpconv
