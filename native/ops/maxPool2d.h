// maxPool2d, maxPool2dBackward: the largest element of each window; padding counts as minus infinity.
#pragma once

#include "pool2d.h"

namespace mlpconv {

struct MaxPool2d : Pool2d {
  /// Whether forward writes the index that backward reads.
  bool index = true;

  /// x -> y, (index).
  static MaxPool2d forward(const KernelDescription& d) {
    checkCounts(d, {1}, d.outputs.size() == 2 ? 2 : 1);
    MaxPool2d pool{Pool2d(d, d.inputs[0], d.outputs[0])};
    pool.index = d.outputs.size() == 2;
    if (pool.index) checkIndex(d, d.outputs[1]);
    return pool;
  }

  /// dy, index, (the ReLU's y) -> dx; attribute relu.
  static MaxPool2d backward(const KernelDescription& d) {
    const bool reluBackward = readReluBackward(d, 2);
    checkIndex(d, d.inputs[1]);
    MaxPool2d pool{Pool2d(d, d.outputs[0], d.inputs[0])};
    pool.reluBackward = reluBackward;
    return pool;
  }

 private:
  static void checkIndex(const KernelDescription& d, const TensorSpec& index) {
    checkDType(d, index.dtype == DType::opaque, "index to be opaque");
  }
};

}  // namespace mlpconv
