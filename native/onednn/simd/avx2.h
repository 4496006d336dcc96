// Vectors of AVX2, under the names of avx512.h. See target.h.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <type_traits>

#define MLPCONV_SIMD avx2
#define MLPCONV_SIMD_BEGIN _Pragma("GCC push_options") _Pragma("GCC target(\"avx2,fma\")")
#define MLPCONV_SIMD_END _Pragma("GCC pop_options")

MLPCONV_SIMD_BEGIN

namespace mlpconv::simd::avx2 {

using Vector = __m256;
/// -1 or 0.
using Mask = __m256i;

constexpr const char* instructionSetName = "avx2";
constexpr int lanes = 8;
constexpr bool hasBfloat16 = false;
/// 16 registers.
constexpr int tileRows = 6, sideBySideRows = 4, sideBySideVectors = 3;

inline Mask firstLanes(int64_t count) {
  const __m256i numbers = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int32_t>(count < lanes ? count : lanes)), numbers);
}
inline Mask select(Mask mask, int32_t all) { return _mm256_and_si256(mask, _mm256_set1_epi32(all)); }

inline Vector zero() { return _mm256_setzero_ps(); }
inline Vector broadcast(float value) { return _mm256_set1_ps(value); }
inline Vector load(const float* from) { return _mm256_loadu_ps(from); }
inline void store(float* to, Vector value) { _mm256_storeu_ps(to, value); }
inline Vector load(const float* from, Mask mask) { return _mm256_maskload_ps(from, mask); }
inline void store(float* to, Mask mask, Vector value) {
  // Masked stores are slow on AMD's CPUs.
  const int some = _mm256_movemask_ps(_mm256_castsi256_ps(mask));
  if (some == 0xff) {
    _mm256_storeu_ps(to, value);
  } else if (some != 0) {
    _mm256_maskstore_ps(to, mask, value);
  }
}

inline Vector add(Vector a, Vector b) { return _mm256_add_ps(a, b); }
inline Vector subtract(Vector a, Vector b) { return _mm256_sub_ps(a, b); }
inline Vector multiply(Vector a, Vector b) { return _mm256_mul_ps(a, b); }
inline Vector multiplyAdd(Vector a, Vector b, Vector c) { return _mm256_fmadd_ps(a, b, c); }
inline Vector rectify(Vector a) { return _mm256_max_ps(zero(), a); }
inline Vector whereAboveZero(Vector a, Vector y) {
  return _mm256_and_ps(a, _mm256_cmp_ps(y, zero(), _CMP_GT_OQ));
}

template <typename Element>
Vector roundTo(Vector value) {
  static_assert(std::is_same_v<Element, float>);
  return value;
}

}  // namespace mlpconv::simd::avx2

MLPCONV_SIMD_END
