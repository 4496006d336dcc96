// bfloat16's rounding, for every value that it has.
#include "../../native/core/bfloat16.h"

#include <bit>
#include <cmath>
#include <limits>

#include "check.h"

namespace mlpconv::test {
namespace {

float floatOf(uint32_t bits) { return std::bit_cast<float>(bits); }

bfloat16 fromBits(uint16_t bits) {
  bfloat16 value;
  value.bits = bits;
  return value;
}

void checkRounds(float value, uint32_t expected) {
  const uint16_t bits = bfloat16(value).bits;
  check(bits == expected, std::to_string(value) + " (bits " + std::to_string(std::bit_cast<uint32_t>(value)) +
                              ") to become bits " + std::to_string(expected) + ", received " +
                              std::to_string(bits));
}

/// The value, and what lies between it and the next one away from zero; all but NaN.
void testRounding() {
  for (uint32_t bits = 0; bits <= 0xffff; ++bits) {
    const uint32_t magnitude = bits & 0x7fff;
    if (magnitude > 0x7f80) continue;
    const uint32_t word = bits << 16;
    checkRounds(floatOf(word), bits);
    check(std::bit_cast<uint32_t>(static_cast<float>(fromBits(static_cast<uint16_t>(bits)))) == word,
          "bits " + std::to_string(bits) + " to be the upper half of a float32");
    if (magnitude == 0x7f80) continue;
    checkRounds(floatOf(word | 0x0001), bits);
    checkRounds(floatOf(word | 0x7fff), bits);
    checkRounds(floatOf(word | 0x8000), bits + (bits & 1));
    checkRounds(floatOf(word | 0x8001), bits + 1);
    checkRounds(floatOf(word | 0xffff), bits + 1);
  }
}

void testExtremes() {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  checkRounds(infinity, 0x7f80);
  checkRounds(-infinity, 0xff80);
  checkRounds(std::numeric_limits<float>::max(), 0x7f80);
  checkRounds(std::numeric_limits<float>::denorm_min(), 0);
  checkRounds(-0.0f, 0x8000);
}

void testNaN() {
  // Whatever the payload: the lower half alone, none that would carry into the sign, signalling ones.
  for (const uint32_t word : {0x7f800001u, 0x7fffffffu, 0xffffffffu, 0x7fc00000u, 0xff800001u, 0x7fbfffffu}) {
    const bfloat16 value(floatOf(word));
    check(std::isnan(static_cast<float>(value)), "a NaN to stay one");
    check(value.bits >> 15 == word >> 31, "a NaN to keep its sign");
  }
}

}  // namespace
}  // namespace mlpconv::test

int main() {
  using namespace mlpconv::test;
  return run({{"rounding", testRounding}, {"extremes", testExtremes}, {"NaN", testNaN}});
}
