// Images and weights with their channels in other numbers: filled up with zeros, and with blocks of pixels
// turned into channels ("space to depth").
#pragma once

#include <cstdint>

#include "../core/portable.h"

namespace mlpconv {

/// x [images, channels, height, width] and its blocked form, both channels-last. A channel of the blocked
/// form is (row in block, column in block, channel of x); what it has no pixel for is zero. Weights are
/// images whose number is that of their outputs.
struct Blocks {
  uint32_t images, channels, height, width;
  uint32_t blockedImages, blockedChannels, blockedHeight, blockedWidth;
  uint32_t blockHeight, blockWidth;
  /// Rows and columns of zeros in front of x.
  uint32_t paddingTop, paddingLeft;

  int64_t elements() const { return int64_t{images} * channels * height * width; }
  int64_t blockedElements() const {
    return int64_t{blockedImages} * blockedChannels * blockedHeight * blockedWidth;
  }
};

/// Element i of the blocked form.
template <typename From, typename To>
struct BlockFunctor {
  const From* x;
  To* y;
  Blocks blocks;

  MLPCONV_HOST_DEVICE void operator()(int64_t i) const {
    const Blocks& b = blocks;
    const int64_t imageSize = int64_t{b.blockedChannels} * b.blockedHeight * b.blockedWidth;
    const auto image = static_cast<uint32_t>(i / imageSize);
    const auto rest = static_cast<uint32_t>(i - image * imageSize);
    const uint32_t channel = rest % b.blockedChannels;
    const uint32_t pixel = rest / b.blockedChannels;
    const uint32_t place = channel / b.channels;
    // Wraps around where it is negative, and is then too large as well.
    const uint32_t row = pixel / b.blockedWidth * b.blockHeight + place / b.blockWidth - b.paddingTop;
    const uint32_t column = pixel % b.blockedWidth * b.blockWidth + place % b.blockWidth - b.paddingLeft;
    const bool is =
        image < b.images && place < b.blockHeight * b.blockWidth && row < b.height && column < b.width;
    const int64_t from =
        ((int64_t{image} * b.height + row) * b.width + column) * b.channels + channel % b.channels;
    y[i] = static_cast<To>(is ? static_cast<float>(x[from]) : 0.0F);
  }
};

/// Element i of x, from the blocked form; zero where that ends before x does.
template <typename T>
struct UnblockFunctor {
  const T* x;
  T* y;
  Blocks blocks;
  /// Whether it is added to what is there.
  bool accumulate;

  MLPCONV_HOST_DEVICE void operator()(int64_t i) const {
    const Blocks& b = blocks;
    const int64_t imageSize = int64_t{b.channels} * b.height * b.width;
    const auto image = static_cast<uint32_t>(i / imageSize);
    const auto rest = static_cast<uint32_t>(i - image * imageSize);
    const uint32_t pixel = rest / b.channels;
    const uint32_t row = pixel / b.width + b.paddingTop;
    const uint32_t column = pixel % b.width + b.paddingLeft;
    const uint32_t place = row % b.blockHeight * b.blockWidth + column % b.blockWidth;
    const uint32_t blockedRow = row / b.blockHeight;
    const uint32_t blockedColumn = column / b.blockWidth;
    const bool is = blockedRow < b.blockedHeight && blockedColumn < b.blockedWidth;
    const int64_t from = ((int64_t{image} * b.blockedHeight + blockedRow) * b.blockedWidth + blockedColumn) *
                             b.blockedChannels +
                         place * b.channels + rest % b.channels;
    const float value = is ? static_cast<float>(x[from]) : 0.0F;
    y[i] = static_cast<T>(accumulate ? static_cast<float>(y[i]) + value : value);
  }
};

}  // namespace mlpconv
