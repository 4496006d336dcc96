// How native/cudnn/elementwise.h's kernels are compiled for the emulator: as functions of the host, in which
// the compiler puts a call in front of each access to memory, as for ThreadSanitizer; access.cc is what they
// call. A launch copies the functor's bytes, so their number must be known.
#pragma once

#include <cstddef>
#include <cstdint>

/// Calls functor(i) for each i of [0, count), from the last on: no call may depend on another.
#define MLPCONV_KERNEL(name, Functor)                                                                        \
  extern "C" __attribute__((visibility("default"))) void emulated_##name(const void* bytes, int64_t count) { \
    const Functor& functor = *static_cast<const Functor*>(bytes);                                            \
    for (int64_t i = count - 1; i >= 0; i--) functor(i);                                                     \
  }                                                                                                          \
  extern "C" __attribute__((visibility("default"))) size_t emulated_##name##_bytes() {                       \
    return sizeof(Functor);                                                                                  \
  }
