// The CUDA runtime, opened when it is first needed.
#pragma once

#include <cuda_runtime_api.h>

#include <string>

#include "libraries.h"

namespace mlpconv {

/// All functions of the runtime that are used.
#define MLPCONV_CUDA_RUNTIME(X) \
  X(cudaDriverGetVersion)       \
  X(cudaRuntimeGetVersion)      \
  X(cudaGetErrorName)           \
  X(cudaGetErrorString)         \
  X(cudaGetLastError)           \
  X(cudaGetDeviceCount)         \
  X(cudaGetDeviceProperties)    \
  X(cudaSetDevice)              \
  X(cudaMemGetInfo)             \
  X(cudaMallocAsync)            \
  X(cudaFreeAsync)              \
  X(cudaMemcpyAsync)            \
  X(cudaMemsetAsync)            \
  X(cudaStreamCreateWithFlags)  \
  X(cudaStreamDestroy)          \
  X(cudaStreamSynchronize)      \
  X(cudaStreamBeginCapture)     \
  X(cudaStreamEndCapture)       \
  X(cudaEventCreateWithFlags)   \
  X(cudaEventDestroy)           \
  X(cudaEventRecord)            \
  X(cudaEventSynchronize)       \
  X(cudaGraphInstantiate)       \
  X(cudaGraphLaunch)            \
  X(cudaGraphDestroy)           \
  X(cudaGraphExecDestroy)       \
  X(cudaLibraryLoadData)        \
  X(cudaLibraryUnload)          \
  X(cudaLibraryGetKernel)       \
  X(cudaLaunchKernel)

struct CudaRuntime {
  /// Throws DeviceError if there is no runtime, or one that lacks a function.
  CudaRuntime();

  /// Throws DeviceError with CUDA's own words if `status` is an error.
  void check(cudaError_t status, const char* what) const;
  /// "device lost (cudaErrorIllegalAddress)": CUDA's words on an error.
  std::string message(cudaError_t status) const;

  Library library;
#define MLPCONV_DECLARE(name) decltype(::name)* const name;
  MLPCONV_CUDA_RUNTIME(MLPCONV_DECLARE)
#undef MLPCONV_DECLARE
};

/// "13.5" of 13050.
std::string cudaVersion(int version);

}  // namespace mlpconv
