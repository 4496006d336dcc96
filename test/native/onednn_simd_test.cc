// Vectors of bfloat16 against the scalar type.
#include "../../native/onednn/simd/target.h"
#include "check.h"

#ifdef MLPCONV_HAS_SIMD

#include <algorithm>
#include <bit>

#include "../../native/onednn/simd/avx512.h"

MLPCONV_SIMD_BEGIN

namespace mlpconv::test {
namespace {

using namespace simd::avx512;

/// Every upper half, with lower halves around all ties: numbers, subnormals, infinities, NaNs.
void testRounding() {
  constexpr uint32_t lowers[] = {0, 1, 0x7fff, 0x8000, 0x8001, 0xffff};
  for (uint32_t upper = 0; upper < 0x10000; ++upper) {
    float values[lanes] = {};
    for (size_t i = 0; i < std::size(lowers); ++i) values[i] = std::bit_cast<float>(upper << 16 | lowers[i]);
    bfloat16 stored[lanes];
    store(stored, firstLanes(lanes), load(values));
    float rounded[lanes], widened[lanes];
    store(rounded, roundTo<bfloat16>(load(values)));
    store(widened, load(stored, firstLanes(lanes)));
    for (int i = 0; i < lanes; ++i) {
      const bfloat16 expected(values[i]);
      const auto wide = std::bit_cast<uint32_t>(static_cast<float>(expected));
      const bool isSame = stored[i].bits == expected.bits && std::bit_cast<uint32_t>(rounded[i]) == wide &&
                          std::bit_cast<uint32_t>(widened[i]) == wide;
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
