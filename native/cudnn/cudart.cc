#include "cudart.h"

#include "../core/errors.h"

namespace mlpconv {

#define MLPCONV_STRING(name) #name
#define MLPCONV_LOAD(name) , name(library.function<decltype(::name)>(MLPCONV_STRING(name)))

CudaRuntime::CudaRuntime()
    : library(Library::open("libcudart.so." + std::to_string(CUDART_VERSION / 1000)))
          MLPCONV_CUDA_RUNTIME(MLPCONV_LOAD) {}

#undef MLPCONV_LOAD
#undef MLPCONV_STRING

std::string CudaRuntime::message(cudaError_t status) const {
  return std::string(cudaGetErrorString(status)) + " (" + cudaGetErrorName(status) + ")";
}

void CudaRuntime::check(cudaError_t status, const char* what) const {
  if (status == cudaSuccess) return;
  // An error that is not sticky would else be found by the next who asks.
  cudaGetLastError();
  throw DeviceError(std::string(what) + ": CUDA says: " + message(status));
}

std::string cudaVersion(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

}  // namespace mlpconv
