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
  /// Of the images: float32 or bfloat16. Weights are float32, and rounded to it.
  DType dtype;
  Images in;
  Images out;
  /// Rows above and columns left of the images.
  int64_t padTop, padLeft;
  int64_t kernel;

  static Problem forward(const Conv2d& conv) {
    const auto& [kernelSize, stride, padding] = conv.window;
    return {conv.dtype, Images(conv.x), Images(conv.y), padding[0], padding[1], kernelSize[0]};
  }
  /// Backward data is the forward convolution of dy with the kernel turned by 180 degrees.
  static Problem backwardData(const Conv2d& conv) {
    const auto& [kernelSize, stride, padding] = conv.window;
    return {conv.dtype,
            Images(conv.y),
            Images(conv.x),
            kernelSize[0] - 1 - padding[0],
            kernelSize[1] - 1 - padding[1],
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

/// Multiplications per input and output channel with tiles of `outputs` x `outputs`.
inline int64_t multiplications(const Problem& problem, int64_t outputs) {
  const int64_t size = outputs + problem.kernel - 1;
  return size * size * Tiles(problem.out, outputs).count;
}

/// The outputs of a tile in each dimension: 4, or of a 5x5 convolution 5, which round more, where that saves
/// a seventh of the time.
inline int64_t chooseOutputs(const Problem& problem) {
  // To read a point's weights takes about as long as to multiply those of 16 tiles.
  const auto cost = [&](int64_t outputs) {
    const int64_t size = outputs + problem.kernel - 1;
    return multiplications(problem, outputs) + 16 * size * size;
  };
  return problem.kernel == 5 && 7 * cost(5) < 6 * cost(4) ? 5 : 4;
}

}  // namespace mlpconv::winograd
