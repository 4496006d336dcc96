// avgPool2d, avgPool2dBackward: the mean of each window.
#pragma once

#include "pool2d.h"

namespace mlpconv {

struct AvgPool2d : Pool2d {
  /// Whether the zeros of the padding count in the mean.
  bool countIncludePad;

  /// x -> y.
  static AvgPool2d forward(const KernelDescription& d) {
    checkCounts(d, {1}, 1);
    return {Pool2d(d, d.inputs[0], d.outputs[0]), d.attributes.boolean("countIncludePad")};
  }

  /// dy, (the ReLU's y) -> dx; attribute relu.
  static AvgPool2d backward(const KernelDescription& d) {
    const bool reluBackward = readReluBackward(d, 1);
    AvgPool2d pool{Pool2d(d, d.outputs[0], d.inputs[0]), d.attributes.boolean("countIncludePad")};
    pool.reluBackward = reluBackward;
    return pool;
  }
};

}  // namespace mlpconv
