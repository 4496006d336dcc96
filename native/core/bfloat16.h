// bfloat16 as a type to store: arithmetic is done in float.
#pragma once

#include <cstdint>
#include <cstring>

#include "portable.h"

namespace mlpconv {

/// The upper half of a float32: 1 sign, 8 exponent and 7 fraction bits.
struct bfloat16 {
  uint16_t bits;

  bfloat16() = default;
  /// Rounds to nearest, ties to even; a NaN stays one, quiet, with its sign and upper fraction bits.
  MLPCONV_HOST_DEVICE explicit bfloat16(float value) {
    uint32_t word;
    std::memcpy(&word, &value, sizeof word);
    const uint32_t rounded = (word + 0x7fffu + (word >> 16 & 1u)) >> 16;
    const uint32_t quiet = word >> 16 | 0x40u;
    bits = static_cast<uint16_t>((word & 0x7fffffffu) > 0x7f800000u ? quiet : rounded);
  }
  MLPCONV_HOST_DEVICE explicit operator float() const {
    const uint32_t word = static_cast<uint32_t>(bits) << 16;
    float value;
    std::memcpy(&value, &word, sizeof value);
    return value;
  }
};

static_assert(sizeof(bfloat16) == 2);

}  // namespace mlpconv
