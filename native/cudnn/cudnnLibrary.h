// cuDNN, opened when it is first needed. Its calls go through cudnn-frontend, which looks them up in it.
#pragma once

#include <cudnn.h>

#include "libraries.h"

namespace mlpconv {

class CudnnLibrary {
 public:
  /// Opens cuDNN. Throws DeviceError if there is none, or one older than this was built
  /// for.
  CudnnLibrary();

  const std::string& path() const { return library_.path(); }
  /// "9.28.1".
  std::string version() const;

  /// A handle of the current device that enqueues on `stream`. Throws DeviceError with cuDNN's message.
  cudnnHandle_t create(cudaStream_t stream) const;
  void destroy(cudnnHandle_t handle) const noexcept;

 private:
  Library library_;
};

}  // namespace mlpconv
