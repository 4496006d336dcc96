// conv2d, conv2dBackwardData, conv2dBackwardWeights: a 2-D cross-correlation, as in PyTorch, and its
// gradients.
#pragma once

#include "affine.h"
#include "window.h"

namespace mlpconv {

/// x [N,C,H,W], weight [O,C,kh,kw], y [N,O,H',W'].
struct Conv2d : Affine {
  Window window;

  Conv2d(const KernelDescription& d, Affine affine)
      : Affine(std::move(affine)), window(d, {weight[2], weight[3]}) {
    window.check(d, x, y);
  }

  Conv2d(Affine affine, Window slide) : Affine(std::move(affine)), window(std::move(slide)) {}

  static Conv2d forward(const KernelDescription& d) { return {d, Affine::forward(d, 4)}; }
  static Conv2d backwardData(const KernelDescription& d) { return {d, Affine::backwardData(d, 4)}; }
  static Conv2d backwardWeights(const KernelDescription& d) { return {d, Affine::backwardWeights(d, 4)}; }
};

}  // namespace mlpconv
