// conv2d, conv2dBackwardData, conv2dBackwardWeights: a 2-D cross-correlation, as in PyTorch, and its
// gradients.
#pragma once

#include "affine.h"
#include "window.h"

namespace mlpconv {

/// x [N,C,H,W], weight [O,C,kh,kw], y [N,O,H',W'].
struct Conv2d : Affine {
  Window window;
  /// Whether only algorithms that round no more than the direct one may be used.
  bool highest;

  Conv2d(const KernelDescription& d, Affine affine)
      : Affine(std::move(affine)), window(d, {weight[2], weight[3]}), highest(readPrecision(d) == "highest") {
    window.check(d, x, y);
  }

  static Conv2d forward(const KernelDescription& d) { return {d, Affine::forward(d, 4)}; }
  static Conv2d backwardData(const KernelDescription& d) { return {d, Affine::backwardData(d, 4)}; }
  static Conv2d backwardWeights(const KernelDescription& d) { return {d, Affine::backwardWeights(d, 4)}; }

 private:
  static const std::string& readPrecision(const KernelDescription& d) {
    const std::string& precision = d.attributes.text("precision");
    checkOption(d, precision == "default" || precision == "highest",
                "precision to be 'default' or 'highest', received '" + precision + "'");
    return precision;
  }
};

}  // namespace mlpconv
