// A GPU as the CUDA runtime knows it, and its memory.
#pragma once

#include "../core/backend.h"
#include "cudart.h"

namespace mlpconv {

/// Lives as long as the device or any of its memory.
class CudaContext {
 public:
  /// Throws DeviceError if there is no such GPU.
  explicit CudaContext(int index);
  CudaContext(const CudaContext&) = delete;
  CudaContext& operator=(const CudaContext&) = delete;
  ~CudaContext();

  const CudaRuntime& runtime() const { return runtime_; }
  int index() const { return index_; }
  const cudaDeviceProp& properties() const { return properties_; }
  /// Makes the device the calling thread's.
  void enter() const;
  size_t freeBytes() const;
  /// Throws OutOfMemoryError.
  void* allocate(size_t bytes, Contents contents) const;
  void free(void* data) const noexcept;

 private:
  CudaRuntime runtime_;
  int index_;
  cudaDeviceProp properties_ = {};
  /// Memory is taken and given back on a stream of its own, so that neither waits for work that is under way.
  cudaStream_t allocations_ = nullptr;
};

}  // namespace mlpconv
