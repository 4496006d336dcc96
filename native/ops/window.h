// A window that slides over height and width: what convolutions and poolings have in common.
#pragma once

#include "../core/check.h"

namespace mlpconv {

/// Each field is [height, width].
struct Window {
  std::vector<int64_t> kernelSize;
  std::vector<int64_t> stride;
  std::vector<int64_t> padding;

  Window(std::vector<int64_t> kernel, std::vector<int64_t> strides, std::vector<int64_t> paddings)
      : kernelSize(std::move(kernel)), stride(std::move(strides)), padding(std::move(paddings)) {}

  /// Reads the attributes `stride` and `padding`. Throws OptionError.
  Window(const KernelDescription& d, std::vector<int64_t> kernel)
      : kernelSize(std::move(kernel)), stride(sizes(d, "stride", 1)), padding(sizes(d, "padding", 0)) {}

  /// Reads an attribute of two integers, each at least `least`. Throws OptionError.
  static std::vector<int64_t> sizes(const KernelDescription& d, const std::string& name, int64_t least) {
    const std::vector<int64_t> values = d.attributes.integers(name);
    bool holds = values.size() == 2;
    for (const int64_t value : values) holds = holds && value >= least && value <= INT32_MAX;
    checkOption(d, holds, name + " to be two integers from " + std::to_string(least) + " to 2^31 - 1");
    return values;
  }

  /// Checks that the window, sliding over x [N,C,H,W], gives y's size: floor((size + 2 padding - kernel) /
  /// stride) + 1. Throws ShapeError.
  void check(const KernelDescription& d, const std::vector<int64_t>& x, const std::vector<int64_t>& y) const {
    for (const size_t i : {0, 1}) {
      const int64_t room = x[2 + i] + 2 * padding[i] - kernelSize[i];
      const std::string side = i == 0 ? "height" : "width";
      checkShape(d, room >= 0, "a kernel that is no larger than the padded input's " + side);
      const int64_t size = room / stride[i] + 1;
      checkShape(d, y[2 + i] == size, "y's " + side + " to be " + std::to_string(size));
    }
  }
};

}  // namespace mlpconv
