// The matrix product that a Winograd convolution spends most of its time in: a tile of the result in
// registers.
#pragma once

#include <cstdint>

#include "avx512.h"

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")

namespace mlpconv::winograd {

/// The left factor: element (row, step) is at data[(step / chunk) * chunkStride + row * rowStride + step %
/// chunk * stepStride].
struct LeftFactor {
  const float* data;
  int64_t chunks;
  int64_t chunkStride;
  /// Steps in each chunk.
  int64_t chunk;
};

/// result[rows][vectors * 16] = left[rows][steps] * right[steps][vectors * 16], or added to what is there.
/// The right factor is dense and aligned.
template <int rows, int vectors, int rowStride, int stepStride>
void multiply(const LeftFactor& left, const float* right, float* result, int64_t resultStride, bool add) {
  Vector sums[rows][vectors];
#pragma GCC unroll 16
  for (int row = 0; row < rows; ++row) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) sums[row][v] = _mm512_setzero_ps();
  }
  for (int64_t i = 0; i < left.chunks; ++i) {
    const float* at = left.data + i * left.chunkStride;
#pragma GCC unroll 4
    for (int64_t step = 0; step < left.chunk; ++step, at += stepStride, right += vectors * lanes) {
      Vector b[vectors];
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) b[v] = _mm512_load_ps(right + v * lanes);
#pragma GCC unroll 16
      for (int row = 0; row < rows; ++row) {
        const Vector a = _mm512_set1_ps(at[row * rowStride]);
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) sums[row][v] = _mm512_fmadd_ps(a, b[v], sums[row][v]);
      }
    }
  }
#pragma GCC unroll 16
  for (int row = 0; row < rows; ++row) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      float* const to = result + row * resultStride + v * lanes;
      _mm512_store_ps(to, add ? _mm512_add_ps(_mm512_load_ps(to), sums[row][v]) : sums[row][v]);
    }
  }
}

/// A microkernel for `count` rows, from 1 to `rows`.
template <int rows, int vectors, int rowStride, int stepStride>
void multiplyRows(int count, const LeftFactor& left, const float* right, float* result, int64_t resultStride,
                  bool add) {
  if constexpr (rows > 1) {
    if (count < rows) {
      return multiplyRows<rows - 1, vectors, rowStride, stepStride>(count, left, right, result, resultStride,
                                                                    add);
    }
  }
  multiply<rows, vectors, rowStride, stepStride>(left, right, result, resultStride, add);
}

}  // namespace mlpconv::winograd

#pragma GCC pop_options
