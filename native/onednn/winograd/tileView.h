// Where the pixels of a tile are, and which of them are in the image; tiles on their way into transforms.
#pragma once

#include <algorithm>

#include "problem.h"
#include "transforms.h"

MLPCONV_SIMD_BEGIN

namespace mlpconv::winograd::MLPCONV_SIMD {

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
        inside_[row][column] = isInside ? -1 : 0;
        offsets_[row][column] =
            isInside ? ((image * images.height + y) * images.width + x) * images.channels : 0;
      }
    }
  }

  /// Those of a pixel's channels from `channel` on that are in `channels`; 0 outside the image.
  template <typename Element>
  Vector loadPixel(const Element* images, int row, int column, int64_t channel, Mask channels) const {
    return load(images + offsets_[row][column] + channel, select(channels, inside_[row][column]));
  }

  /// Brings a pixel's channels from `channel` on nearer. An address that is not there does no harm.
  template <typename Element>
  void prefetch(const Element* images, int row, int column, int64_t channel) const {
    _mm_prefetch(images + offsets_[row][column] + channel, _MM_HINT_T0);
  }

  /// Writes nothing outside the image.
  template <typename Element>
  void storePixel(Element* images, int row, int column, int64_t channel, Mask channels, Vector value) const {
    store(images + offsets_[row][column] + channel, select(channels, inside_[row][column]), value);
  }

 private:
  int64_t offsets_[size][size];
  int32_t inside_[size][size];
};

/// Where a tile's channels from `channel` on are in [group of channels][tile][channel].
inline int64_t placeInGroups(int64_t tiles, int64_t tile, int64_t channel) {
  return channel / groupWidth * groupWidth * tiles + tile * groupWidth + channel % groupWidth;
}

/// Transforms `count` tiles from `first` on: `Columns` applied to the columns of `size` x `size` pixels, then
/// `Rows` to the rows of that. Of each tile and vector of channels in [begin, end), the points go to
/// place(tile, channel) and on, `stride` floats apart.
template <int size, typename Columns, typename Rows, typename Element, typename Place>
void transformTiles(const Images& images, const Tiles& tiles, int64_t padTop, int64_t padLeft,
                    const Element* data, int64_t first, int64_t count, int64_t begin, int64_t end,
                    int64_t stride, const Place& place) {
  const auto viewOf = [&](int64_t tile) {
    return TileView<size>(images, tiles, first + tile, padTop, padLeft);
  };
  TileView<size> view = viewOf(0);
  for (int64_t tile = 0; tile < count; ++tile) {
    const TileView<size> next = viewOf(std::min(tile + 1, count - 1));
    for (int64_t channel = begin; channel < end; channel += lanes) {
      const Mask mask = firstLanes(images.channels - channel);
      float* const to = place(tile, channel);
      transform<Columns, Rows>(
          [&](int row, int column) {
            next.prefetch(data, row, column, channel);
            return view.loadPixel(data, row, column, channel, mask);
          },
          [&](int row, int column, Vector value) {
            store(to + (row * Rows::outputs + column) * stride, value);
          });
    }
    view = next;
  }
}

}  // namespace mlpconv::winograd::MLPCONV_SIMD

MLPCONV_SIMD_END
