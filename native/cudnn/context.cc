#include "context.h"

#include <string>

#include "../core/errors.h"

namespace mlpconv {

CudaContext::CudaContext(int index) : index_(index) {
  int driver = 0;
  runtime_.check(runtime_.cudaDriverGetVersion(&driver), "cudaDriverGetVersion");
  if (driver == 0) {
    throw DeviceError("there is no NVIDIA driver: install one for CUDA " + cudaVersion(CUDART_VERSION) +
                      " or newer; nvidia-smi shows it");
  }
  int count = 0;
  const cudaError_t status = runtime_.cudaGetDeviceCount(&count);
  if (status != cudaErrorNoDevice) runtime_.check(status, "looking for GPUs");
  if (index < 0 || index >= count) {
    throw DeviceError("expected the index of one of " + std::to_string(count) + " NVIDIA GPUs, received " +
                      std::to_string(index) + "; 'mlpconv doctor' lists them");
  }
  runtime_.check(runtime_.cudaGetDeviceProperties(&properties_, index), "cudaGetDeviceProperties");
  if (properties_.major < 8) {
    throw DeviceError("expected a GPU of compute capability 8.0 or higher, received " +
                      std::string(properties_.name) + " with " + std::to_string(properties_.major) + "." +
                      std::to_string(properties_.minor));
  }
  enter();
  runtime_.check(runtime_.cudaStreamCreateWithFlags(&allocations_, cudaStreamNonBlocking),
                 "cudaStreamCreate");
}

CudaContext::~CudaContext() {
  if (runtime_.cudaSetDevice(index_) == cudaSuccess) runtime_.cudaStreamDestroy(allocations_);
}

void CudaContext::enter() const { runtime_.check(runtime_.cudaSetDevice(index_), "cudaSetDevice"); }

size_t CudaContext::freeBytes() const {
  enter();
  size_t free = 0, total = 0;
  runtime_.check(runtime_.cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
  return free;
}

void* CudaContext::allocate(size_t bytes, Contents contents) const {
  enter();
  void* data = nullptr;
  const cudaError_t status = runtime_.cudaMallocAsync(&data, bytes, allocations_);
  if (status == cudaErrorMemoryAllocation) {
    runtime_.cudaGetLastError();
    const size_t available = freeBytes();
    throw OutOfMemoryError("the GPU has too little free memory: needed " + std::to_string(bytes) +
                               " bytes, free are " + std::to_string(available) +
                               "; use a smaller micro-batch or close other programs",
                           bytes, available);
  }
  runtime_.check(status, "cudaMallocAsync");
  try {
    if (contents == Contents::zeros) {
      runtime_.check(runtime_.cudaMemsetAsync(data, 0, bytes, allocations_), "cudaMemsetAsync");
    }
    runtime_.check(runtime_.cudaStreamSynchronize(allocations_), "allocating memory");
  } catch (...) {
    free(data);
    throw;
  }
  return data;
}

void CudaContext::free(void* data) const noexcept {
  // After a device was lost this fails, and there is nothing left to free.
  if (runtime_.cudaSetDevice(index_) == cudaSuccess) runtime_.cudaFreeAsync(data, allocations_);
}

}  // namespace mlpconv
