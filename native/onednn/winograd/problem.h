// What a Winograd convolution computes, and how it is divided into tiles.
#pragma once

#include "../../ops/conv2d.h"
#include "../parallel.h"

namespace mlpconv::winograd {

/// Channels that lie side by side in transformed data: those of a cache line.
constexpr int64_t groupWidth = 16;

/// A batch of images, channels-last.
struct Images {
  int64_t count, channels, height, width;

  explicit Images(const std::vector<int64_t>& shape)
      : count(shape[0]), channels(shape[1]), height(shape[2]), width(shape[3]) {}
};

/// A convolution of stride 1: it reads `in` and writes `out`, or in backward weights reads both.
struct Problem {
  Images in;
  Images out;
  /// Rows above and columns left of the images.
  int64_t padTop, padLeft;
  int64_t kernel;

  static Problem forward(const Conv2d& conv) {
    const auto& [kernelSize, stride, padding] = conv.window;
    return {Images(conv.x), Images(conv.y), padding[0], padding[1], kernelSize[0]};
  }
  /// Backward data is the forward convolution of dy with the kernel turned by 180 degrees.
  static Problem backwardData(const Conv2d& conv) {
    const auto& [kernelSize, stride, padding] = conv.window;
    return {Images(conv.y), Images(conv.x), kernelSize[0] - 1 - padding[0], kernelSize[1] - 1 - padding[1],
            kernelSize[0]};
  }
};

/// The tiles of `size` x `size` outputs of a batch, row by row; those at the right and the bottom may reach
/// beyond the image.
struct Tiles {
  int64_t size, rows, columns, count;

  Tiles(const Images& out, int64_t tileSize)
      : size(tileSize),
        rows(divideUp(out.height, size)),
        columns(divideUp(out.width, size)),
        count(out.count * rows * columns) {}
};

}  // namespace mlpconv::winograd
