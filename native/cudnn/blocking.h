// A convolution as another one, whose channels suit tensor cores.
#pragma once

#include <algorithm>

#include "../ops/conv2d.h"
#include "blocks.h"

namespace mlpconv {

/// The convolution `inner` of blocked tensors, which computes what another one does of its own.
struct Blocking {
  Conv2d inner;
  Blocks x, weight, bias, y;

  /// Channels come in multiples of 8, as the tensor cores' engines want them: in others cuDNN has slower
  /// ones, or copies as well. Where an image has few channels, but the window moves by blocks of pixels, a
  /// block's pixels become channels, so that the new window moves by one.
  explicit Blocking(const Conv2d& conv) : inner(conv) {
    const auto& [kernel, stride, padding] = conv.window;
    const bool isSpace = movesByBlocks(conv);
    const std::vector<int64_t> block = isSpace ? stride : std::vector<int64_t>{1, 1};
    inner.weight = {roundUp(conv.weight[0]), roundUp(conv.weight[1] * block[0] * block[1])};
    inner.y[1] = inner.weight[0];
    inner.x[1] = inner.weight[1];
    for (const size_t i : {0, 1}) {
      inner.weight.push_back((kernel[i] + block[i] - 1) / block[i]);
      if (isSpace) inner.x[2 + i] = conv.y[2 + i] + inner.weight[2 + i] - 1;
    }
    inner.window.kernelSize = {inner.weight[2], inner.weight[3]};
    if (isSpace) {
      inner.window.stride = {1, 1};
      inner.window.padding = {0, 0};
    }
    x = blocks(conv.x, inner.x, block, isSpace ? padding : std::vector<int64_t>{0, 0});
    weight = blocks(conv.weight, inner.weight, block, {0, 0});
    bias = blocks({conv.weight[0], 1, 1, 1}, {inner.weight[0], 1, 1, 1}, {1, 1}, {0, 0});
    y = blocks(conv.y, inner.y, {1, 1}, {0, 0});
  }

  bool changesX() const { return x.blockHeight * x.blockWidth > 1 || x.blockedChannels != x.channels; }
  bool changesY() const { return y.blockedChannels != y.channels; }

 private:
  static constexpr int64_t multiple = 8;

  static int64_t roundUp(int64_t channels) { return (channels + multiple - 1) / multiple * multiple; }

  static bool movesByBlocks(const Conv2d& conv) {
    const auto& [kernel, stride, padding] = conv.window;
    constexpr int64_t most = 64;
    return stride[0] * stride[1] > 1 && stride[0] <= kernel[0] && stride[1] <= kernel[1] &&
           conv.x[1] < multiple && conv.x[1] * stride[0] * stride[1] <= most;
  }

  static Blocks blocks(const std::vector<int64_t>& shape, const std::vector<int64_t>& blocked,
                       const std::vector<int64_t>& block, const std::vector<int64_t>& padding) {
    const auto narrow = [](int64_t value) { return static_cast<uint32_t>(value); };
    return {narrow(shape[0]),   narrow(shape[1]),   narrow(shape[2]),   narrow(shape[3]),
            narrow(blocked[0]), narrow(blocked[1]), narrow(blocked[2]), narrow(blocked[3]),
            narrow(block[0]),   narrow(block[1]),   narrow(padding[0]), narrow(padding[1])};
  }
};

}  // namespace mlpconv
