// The matrix product that convolutions spend most of their time in: a tile of the result in registers.
#pragma once

#include <cstdint>
#include <type_traits>

MLPCONV_SIMD_BEGIN

namespace mlpconv::simd::MLPCONV_SIMD {

/// The left factor: element (row, step) is at data[step / chunk * chunkStride + row * rowStride + step %
/// chunk * stepStride].
struct LeftFactor {
  const float* data;
  int64_t chunks;
  int64_t chunkStride;
  /// Steps in each chunk.
  int64_t chunk;
  /// Only where the microkernel has none of its own.
  int64_t rowStride = 0;
};

/// Where the right factor comes from. What streams from beyond the caches is fetched some steps ahead: the
/// CPU's own prefetching begins anew with each page.
enum class Source { cache, stream };

/// Calls finish(row, v, sum) for each vector of left[rows][steps] * right[steps][vectors * lanes]. The right
/// factor is dense and aligned. A row stride of 0 stands for the left factor's.
template <int rows, int vectors, int rowStride, int stepStride, Source source, typename Finish>
void multiplyTile(const LeftFactor& left, const float* right, const Finish& finish) {
  constexpr int64_t streamed = 512;
  const int64_t stride = rowStride > 0 ? rowStride : left.rowStride;
  Vector sums[rows][vectors];
#pragma GCC unroll 16
  for (int row = 0; row < rows; ++row) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) sums[row][v] = zero();
  }
  for (int64_t i = 0; i < left.chunks; ++i) {
    const float* at = left.data + i * left.chunkStride;
#pragma GCC unroll 4
    for (int64_t step = 0; step < left.chunk; ++step, at += stepStride, right += vectors * lanes) {
      Vector b[vectors];
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) {
        if (source == Source::stream) _mm_prefetch(right + streamed + v * lanes, _MM_HINT_T0);
        b[v] = load(right + v * lanes);
      }
#pragma GCC unroll 16
      for (int row = 0; row < rows; ++row) {
        const Vector a = broadcast(at[row * stride]);
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) sums[row][v] = multiplyAdd(a, b[v], sums[row][v]);
      }
    }
  }
#pragma GCC unroll 16
  for (int row = 0; row < rows; ++row) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) finish(row, v, sums[row][v]);
  }
}

/// A microkernel for `count` rows, from 1 to `rows`.
template <int rows, int vectors, int rowStride, int stepStride, Source source, typename Finish>
void multiplyRows(int64_t count, const LeftFactor& left, const float* right, const Finish& finish) {
  if constexpr (rows > 1) {
    if (count < rows)
      return multiplyRows<rows - 1, vectors, rowStride, stepStride, source>(count, left, right, finish);
  }
  multiplyTile<rows, vectors, rowStride, stepStride, source>(left, right, finish);
}

/// Calls body(std::integral_constant) with the number of vectors of `width` channels: from 1 to
/// sideBySideVectors.
template <typename Body>
void withVectors(int64_t width, const Body& body) {
  switch (width / lanes) {
    case 1:
      return body(std::integral_constant<int, 1>());
    case 2:
      return body(std::integral_constant<int, 2>());
    default:
      return body(std::integral_constant<int, sideBySideVectors>());
  }
}

/// What writes a tile of the result to where it is dense and aligned, or adds it to what is there.
inline auto storeTo(float* result, int64_t stride, bool adds) {
  return [=](int row, int v, Vector sum) {
    float* const to = result + row * stride + v * lanes;
    store(to, adds ? add(load(to), sum) : sum);
  };
}

}  // namespace mlpconv::simd::MLPCONV_SIMD

MLPCONV_SIMD_END
