// Where the pixels of a tile are, and which of them are in the image.
#pragma once

#include "avx512.h"
#include "problem.h"

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")

namespace mlpconv::winograd {

template <int size>
class TileView {
 public:
  /// Tile `index` of `tiles`, whose first pixel is `padTop` rows above and `padLeft` columns left of its
  /// place in the grid.
  TileView(const Images& images, const Tiles& tiles, int64_t index, int64_t padTop, int64_t padLeft) {
    const int64_t image = index / (tiles.rows * tiles.columns);
    const int64_t top = index / tiles.columns % tiles.rows * tiles.size - padTop;
    const int64_t left = index % tiles.columns * tiles.size - padLeft;
    for (int row = 0; row < size; ++row) {
      for (int column = 0; column < size; ++column) {
        const int64_t y = top + row, x = left + column;
        const bool isInside = y >= 0 && y < images.height && x >= 0 && x < images.width;
        inside_[row][column] = isInside ? static_cast<Mask>(-1) : Mask{0};
        offsets_[row][column] =
            isInside ? ((image * images.height + y) * images.width + x) * images.channels : 0;
      }
    }
  }

  /// Those of a pixel's channels from `channel` on that are in `channels`; 0 outside the image.
  Vector load(const float* images, int row, int column, int64_t channel, Mask channels) const {
    return _mm512_maskz_loadu_ps(maskAt(row, column, channels), images + offsets_[row][column] + channel);
  }

  /// Brings a pixel's channels from `channel` on nearer. An address that is not there does no harm.
  void prefetch(const float* images, int row, int column, int64_t channel) const {
    _mm_prefetch(images + offsets_[row][column] + channel, _MM_HINT_T1);
  }

  /// Writes nothing outside the image.
  void store(float* images, int row, int column, int64_t channel, Mask channels, Vector value) const {
    _mm512_mask_storeu_ps(images + offsets_[row][column] + channel, maskAt(row, column, channels), value);
  }

 private:
  Mask maskAt(int row, int column, Mask channels) const {
    return static_cast<Mask>(inside_[row][column] & channels);
  }

  int64_t offsets_[size][size];
  Mask inside_[size][size];
};

/// The channels from `first` on, of `count`.
inline Mask channelMask(int64_t first, int64_t count) {
  const int64_t left = count - first;
  return left >= lanes ? static_cast<Mask>(-1) : static_cast<Mask>((1u << left) - 1);
}

}  // namespace mlpconv::winograd

#pragma GCC pop_options
