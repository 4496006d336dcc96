// What the emulated kernels call in front of each of their accesses to memory: the names and arguments are
// those of ThreadSanitizer's run-time library, which this stands in for. Atomic accesses have none: no kernel
// has one.
#include "runtime.h"

namespace mlpconv::emulator {
namespace {

Runtime& runtime = Runtime::instance();

// Most accesses are right, or to the host's memory.

template <size_t bytes>
void reads(const void* data) {
  if (!runtime.memory.isDevice(data) || runtime.memory.isInitialized<bytes>(data)) return;
  runtime.onRead(data, bytes);
}

template <size_t bytes>
void writes(const void* data) {
  if (!runtime.memory.isDevice(data) || runtime.memory.isInitialized<bytes>(data)) return;
  runtime.onWrite(data, bytes);
}

}  // namespace
}  // namespace mlpconv::emulator

using namespace mlpconv::emulator;

#define EXPORTED extern "C" __attribute__((visibility("default")))

#define MLPCONV_ACCESSES(size)                                                       \
  EXPORTED void __tsan_read##size(const void* data) { reads<size>(data); }           \
  EXPORTED void __tsan_write##size(const void* data) { writes<size>(data); }         \
  EXPORTED void __tsan_unaligned_read##size(const void* data) { reads<size>(data); } \
  EXPORTED void __tsan_unaligned_write##size(const void* data) { writes<size>(data); }

MLPCONV_ACCESSES(1)
MLPCONV_ACCESSES(2)
MLPCONV_ACCESSES(4)
MLPCONV_ACCESSES(8)
MLPCONV_ACCESSES(16)

EXPORTED void __tsan_read_range(const void* data, size_t bytes) { runtime.onRead(data, bytes); }
EXPORTED void __tsan_write_range(const void* data, size_t bytes) { runtime.onWrite(data, bytes); }

EXPORTED void __tsan_init() {}
EXPORTED void __tsan_func_entry(const void*) {}
EXPORTED void __tsan_func_exit() {}
