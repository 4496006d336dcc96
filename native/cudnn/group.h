// Several neighbouring elements at once, since a GPU's memory is only fast in pieces of 16 bytes.
#pragma once

#include <cstdint>

#include "../core/portable.h"

namespace mlpconv {

/// How many elements one call of a functor works on: for float32 two pieces of 16 bytes, for bfloat16 one.
constexpr int64_t groupSize = 8;

MLPCONV_HOST_DEVICE constexpr int64_t groupCount(int64_t elements) {
  return (elements + groupSize - 1) / groupSize;
}

template <typename T>
struct alignas(16) Group {
  T at[groupSize];

  /// Elements groupSize * index and on; of the last group only those below `count` are read.
  MLPCONV_HOST_DEVICE static Group load(const T* x, int64_t index, int64_t count) {
    const T* const first = x + index * groupSize;
    if (isWhole(first, index, count)) return *reinterpret_cast<const Group*>(first);
    Group group{};
    for (int64_t j = 0; j < groupSize && index * groupSize + j < count; ++j) group.at[j] = first[j];
    return group;
  }

  MLPCONV_HOST_DEVICE void store(T* y, int64_t index, int64_t count) const {
    T* const first = y + index * groupSize;
    if (isWhole(first, index, count)) {
      *reinterpret_cast<Group*>(first) = *this;
      return;
    }
    for (int64_t j = 0; j < groupSize && index * groupSize + j < count; ++j) first[j] = at[j];
  }

 private:
  /// Parts of a flat parameter may begin anywhere.
  MLPCONV_HOST_DEVICE static bool isWhole(const T* first, int64_t index, int64_t count) {
    return (index + 1) * groupSize <= count && reinterpret_cast<uintptr_t>(first) % alignof(Group) == 0;
  }
};

}  // namespace mlpconv
