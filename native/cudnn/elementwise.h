// Kernels that are one functor, called for each index.
//
// A .cu file is compiled three times: by nvcc into the module (device code only), by the host's compiler into
// the addon (the factory, no kernels), and for the emulator's tests as plain functions.
#pragma once

#include <type_traits>

#include "../core/bfloat16.h"
#include "../core/portable.h"

#if defined(__CUDACC__)
/// Defines the kernel `name`, which calls functor(i) for each i of [0, count). No call may depend on another.
#define MLPCONV_KERNEL(name, Functor)                                                                        \
  extern "C" __global__ void name(const Functor functor, const int64_t count) {                              \
    const int64_t threads = static_cast<int64_t>(gridDim.x) * blockDim.x;                                    \
    for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += threads) { \
      functor(i);                                                                                            \
    }                                                                                                        \
  }
#elif defined(MLPCONV_EMULATOR)
#include "../../test/emulator/kernel.h"
#else
#define MLPCONV_KERNEL(name, Functor)
#endif

#if !defined(__CUDACC__) && !defined(MLPCONV_EMULATOR)
#include "../core/functionKernel.h"
#include "device.h"
#include "kernels.h"

namespace mlpconv {

/// "reluFloat32", "reluBfloat16": the names of one kernel's instances.
template <typename T>
const char* instance(const char* float32, const char* bfloat16Name) {
  return std::is_same_v<T, bfloat16> ? bfloat16Name : float32;
}

/// Enqueues the kernel `name` of the module with `functor` for `count` indices.
template <typename Functor>
void launch(const CudaDevice& device, const char* name, Functor functor, int64_t count) {
  static_assert(std::is_trivially_copyable_v<Functor>, "a kernel's arguments are copied as bytes");
  void* arguments[] = {&functor, &count};
  device.module().launch(device.stream(), name, count, arguments);
}

}  // namespace mlpconv
#endif
