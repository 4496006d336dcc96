// Vectors of bfloat16 against the scalar type.
#include "../../native/onednn/simd/target.h"
#include "check.h"

#ifdef MLPCONV_HAS_SIMD

#include <algorithm>
#include <cstring>

#include "../../native/onednn/simd/avx512.h"

MLPCONV_SIMD_BEGIN

namespace mlpconv::test {
namespace {

using namespace simd::avx512;

float fromWord(uint32_t word) {
  float value;
  std::memcpy(&value, &word, sizeof value);
  return value;
}

/// Every upper half, with lower halves around all ties: numbers, subnormals, infinities, NaNs.
void testRounding() {
  constexpr uint32_t lowers[] = {0, 1, 0x7fff, 0x8000, 0x8001, 0xffff};
  for (uint32_t upper = 0; upper < 0x10000; ++upper) {
    float values[lanes] = {};
    for (size_t i = 0; i < std::size(lowers); ++i) values[i] = fromWord(upper << 16 | lowers[i]);
    bfloat16 stored[lanes];
    store(stored, firstLanes(lanes), load(values));
    float rounded[lanes], widened[lanes];
    store(rounded, roundTo<bfloat16>(load(values)));
    store(widened, load(stored, firstLanes(lanes)));
    for (int i = 0; i < lanes; ++i) {
      const bfloat16 expected(values[i]);
      const auto wide = static_cast<float>(expected);
      const bool isSame = stored[i].bits == expected.bits &&
                          std::memcmp(&rounded[i], &wide, sizeof wide) == 0 &&
                          std::memcmp(&widened[i], &wide, sizeof wide) == 0;
      check(isSame, std::to_string(values[i]) + " to be rounded as by the scalar type");
    }
  }
}

void testMasks() {
  for (int64_t count = 0; count <= lanes; ++count) {
    bfloat16 from[lanes], to[lanes];
    std::fill_n(from, lanes, bfloat16(3.0f));
    std::fill_n(to, lanes, bfloat16(5.0f));
    const Mask mask = firstLanes(count);
    float loaded[lanes];
    store(loaded, load(from, mask));
    store(to, mask, broadcast(7.0f));
    for (int i = 0; i < lanes; ++i) {
      check(loaded[i] == (i < count ? 3.0f : 0.0f), "only the mask's lanes to be read");
      check(static_cast<float>(to[i]) == (i < count ? 7.0f : 5.0f), "only the mask's lanes to be written");
    }
  }
}

}  // namespace
}  // namespace mlpconv::test

MLPCONV_SIMD_END

#endif

int main() {
  std::vector<mlpconv::test::Case> cases;
#ifdef MLPCONV_HAS_SIMD
  // Elsewhere there are no vectors of bfloat16 to test.
  if (mlpconv::simd::instructionSet() >= mlpconv::simd::InstructionSet::avx512) {
    cases = {{"rounding", mlpconv::test::testRounding}, {"masks", mlpconv::test::testMasks}};
  }
#endif
  return mlpconv::test::run(cases);
}
