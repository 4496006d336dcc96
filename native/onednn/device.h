// The CPU as a device: oneDNN's engine and stream, an OpenMP team, and pages of memory.
#pragma once

#include <atomic>
#include <oneapi/dnnl/dnnl.hpp>

#include "../core/backend.h"

namespace mlpconv {

class OneDnnDevice final : public Device {
 public:
  /// `options.threads` 0 means one per physical core that the process may use. Throws OptionError if the
  /// options are out of range, DeviceError if oneDNN fails.
  explicit OneDnnDevice(const DeviceOptions& options);

  void attach() override;
  int threads() const override { return threads_; }
  size_t freeBytes() const override;
  std::shared_ptr<Memory> allocate(size_t bytes, Contents contents) override;
  void write(Memory& memory, size_t byteOffset, const void* data, size_t bytes) override;
  void read(const Memory& memory, size_t byteOffset, void* data, size_t bytes) override;
  std::shared_ptr<Kernel> createKernel(const KernelDescription& description) override;
  void synchronize() override;
  std::optional<Peaks> measurePeaks() override;

  const dnnl::engine& engine() const { return engine_; }
  const dnnl::stream& stream() const { return stream_; }

 private:
  int threads_;
  dnnl::engine engine_;
  dnnl::stream stream_;
  /// What all living memory of this device takes, shared with it.
  std::shared_ptr<std::atomic<size_t>> allocatedBytes_;
};

}  // namespace mlpconv
