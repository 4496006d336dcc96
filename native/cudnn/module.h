// Our own kernels, compiled by nvcc into the addon and loaded onto a device.
#pragma once

#include <map>
#include <string>

#include "cudart.h"

namespace mlpconv {

class Module {
 public:
  /// Loads the kernels for the current device, whose `multiprocessors` bound how many blocks are launched.
  Module(const CudaRuntime& runtime, int multiprocessors);
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;
  ~Module();

  /// Enqueues a kernel of native/cudnn/elementwise.h for `count` indices. Throws DeviceError with CUDA's
  /// message.
  void launch(cudaStream_t stream, const char* name, int64_t count, void** arguments) const;

 private:
  cudaKernel_t find(const char* name) const;

  const CudaRuntime& runtime_;
  unsigned int maxBlocks_;
  cudaLibrary_t library_ = nullptr;
  /// What was looked up already.
  mutable std::map<std::string, cudaKernel_t, std::less<>> kernels_;
};

}  // namespace mlpconv
