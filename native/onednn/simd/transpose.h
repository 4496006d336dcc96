// A square of vectors turned over its diagonal.
#pragma once

MLPCONV_SIMD_BEGIN

namespace mlpconv::simd::MLPCONV_SIMD {

/// Of each square of 2 x 2 squares with `size` rows and columns, in rows from a and from b, changes the upper
/// right one for the lower left one.
template <int size>
void exchange(Vector& a, Vector& b) {
  using Numbers __attribute__((vector_size(sizeof(Vector)))) = int32_t;
  Numbers upper, lower;
#pragma GCC unroll 16
  for (int lane = 0; lane < lanes; ++lane) {
    const bool isRight = (lane & size) != 0;
    upper[lane] = isRight ? lanes + lane - size : lane;
    lower[lane] = isRight ? lanes + lane : lane + size;
  }
  const Vector first = a;
  a = __builtin_shuffle(first, b, upper);
  b = __builtin_shuffle(first, b, lower);
}

template <int size = 1>
void transpose(Vector (&rows)[lanes]) {
#pragma GCC unroll 16
  for (int row = 0; row < lanes; ++row) {
    if ((row & size) == 0) exchange<size>(rows[row], rows[row + size]);
  }
  if constexpr (2 * size < lanes) transpose<2 * size>(rows);
}

}  // namespace mlpconv::simd::MLPCONV_SIMD

MLPCONV_SIMD_END
