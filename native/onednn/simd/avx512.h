// Vectors of AVX-512. See target.h.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <type_traits>

#include "../../core/bfloat16.h"

#define MLPCONV_SIMD avx512
#define MLPCONV_SIMD_BEGIN \
  _Pragma("GCC push_options") _Pragma("GCC target(\"avx512f,avx512bw,avx512dq,avx512vl,avx2,fma\")")
#define MLPCONV_SIMD_END _Pragma("GCC pop_options")

MLPCONV_SIMD_BEGIN

namespace mlpconv::simd::avx512 {

/// 16 channels of a pixel.
using Vector = __m512;
/// Which of them there are.
using Mask = __mmask16;

constexpr const char* instructionSetName = "avx512";
constexpr int lanes = 16;
/// Whether load and store know bfloat16.
constexpr bool hasBfloat16 = true;
/// Of the register tiles: the results' rows for two vectors of columns, and the rows and vectors of columns
/// for a left factor with its rows side by side. With a step's factors they fill the 32 registers.
constexpr int tileRows = 14, sideBySideRows = 8, sideBySideVectors = 3;

/// The first `count` lanes; all if there are fewer.
inline Mask firstLanes(int64_t count) {
  return count >= lanes ? static_cast<Mask>(-1) : static_cast<Mask>((1u << count) - 1);
}
/// The mask's lanes if `all` is -1, none if it is 0.
inline Mask select(Mask mask, int32_t all) { return static_cast<Mask>(mask & all); }

inline Vector zero() { return _mm512_setzero_ps(); }
inline Vector broadcast(float value) { return _mm512_set1_ps(value); }
inline Vector load(const float* from) { return _mm512_loadu_ps(from); }
inline void store(float* to, Vector value) { _mm512_storeu_ps(to, value); }
/// Other lanes are 0.
inline Vector load(const float* from, Mask mask) { return _mm512_maskz_loadu_ps(mask, from); }
/// Other lanes are not written.
inline void store(float* to, Mask mask, Vector value) { _mm512_mask_storeu_ps(to, mask, value); }

inline Vector add(Vector a, Vector b) { return _mm512_add_ps(a, b); }
inline Vector subtract(Vector a, Vector b) { return _mm512_sub_ps(a, b); }
inline Vector multiply(Vector a, Vector b) { return _mm512_mul_ps(a, b); }
/// a * b + c, rounded once.
inline Vector multiplyAdd(Vector a, Vector b, Vector c) { return _mm512_fmadd_ps(a, b, c); }
/// A NaN stays one. GCC 12 warns of _mm512_max_ps (its bug 105593).
inline Vector rectify(Vector a) { return _mm512_maskz_max_ps(static_cast<Mask>(-1), zero(), a); }
/// a where y > 0, else 0.
inline Vector whereAboveZero(Vector a, Vector y) {
  return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(y, zero(), _CMP_GT_OQ), a);
}

// Images may be stored as bfloat16.

using Words __attribute__((vector_size(64))) = uint32_t;
using Halves __attribute__((vector_size(32))) = uint16_t;

/// Rounded as bfloat16's constructor does; the CPU's own conversion would flush subnormals.
inline Halves toBfloat16(Vector value) {
  const Words word = reinterpret_cast<Words>(value);
  const Words rounded = word + 0x7fff + (word >> 16 & 1), quiet = word | 0x400000;
  const Words isNumber = reinterpret_cast<Words>(value == value);
  return __builtin_convertvector(((isNumber & rounded) | (~isNumber & quiet)) >> 16, Halves);
}
inline Vector fromBfloat16(Halves halves) {
  return reinterpret_cast<Vector>(__builtin_convertvector(halves, Words) << 16);
}
inline Vector load(const bfloat16* from, Mask mask) {
  return fromBfloat16(reinterpret_cast<Halves>(_mm256_maskz_loadu_epi16(mask, from)));
}
inline void store(bfloat16* to, Mask mask, Vector value) {
  _mm256_mask_storeu_epi16(to, mask, reinterpret_cast<__m256i>(toBfloat16(value)));
}
/// As the element can hold it.
template <typename Element>
Vector roundTo(Vector value) {
  return std::is_same_v<Element, bfloat16> ? fromBfloat16(toBfloat16(value)) : value;
}

}  // namespace mlpconv::simd::avx512

MLPCONV_SIMD_END
