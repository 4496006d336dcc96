// Memory of an exact size: whoever reads or writes beside it is found, compiled with AddressSanitizer or not.
#pragma once

#include <sanitizer/asan_interface.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>

#include "check.h"

namespace mlpconv::test {

/// Ends at a page that cannot be touched, or as near to it as `alignment` allows; the rest of its own pages
/// is poison to AddressSanitizer and is checked to be unchanged by verify(), since oneDNN's code is not
/// instrumented.
class GuardedMemory {
 public:
  GuardedMemory(size_t bytes, size_t alignment) : bytes_(bytes) {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    writable_ = (bytes + alignment + page - 1) / page * page;
    mapped_ = writable_ + page;
    void* const start = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) throw std::bad_alloc();
    start_ = static_cast<std::byte*>(start);
    offset_ = (writable_ - bytes) / alignment * alignment;
    mprotect(start_ + writable_, page, PROT_NONE);
    std::fill(start_, start_ + writable_, mark);
    ASAN_POISON_MEMORY_REGION(start_, offset_);
    ASAN_POISON_MEMORY_REGION(data() + bytes_, writable_ - offset_ - bytes_);
  }
  GuardedMemory(const GuardedMemory&) = delete;
  GuardedMemory& operator=(const GuardedMemory&) = delete;
  ~GuardedMemory() {
    unpoison();
    munmap(start_, mapped_);
  }

  std::byte* data() const { return start_ + offset_; }
  size_t bytes() const { return bytes_; }

  /// Fails if something was written beside the memory. Ends AddressSanitizer's part.
  void verify(const std::string& name) {
    unpoison();
    const auto intact = [](std::byte* from, std::byte* to) {
      return std::all_of(from, to, [](std::byte b) { return b == mark; });
    };
    check(intact(start_, data()), "nothing to be written before " + name);
    check(intact(data() + bytes_, start_ + writable_), "nothing to be written behind " + name);
  }

 private:
  /// As float32 and bfloat16 a NaN, so that reading what was never written shows.
  static constexpr std::byte mark{0xff};

  void unpoison() { ASAN_UNPOISON_MEMORY_REGION(start_, writable_); }

  size_t bytes_, writable_, mapped_, offset_;
  std::byte* start_;
};

}  // namespace mlpconv::test
