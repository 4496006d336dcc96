// relu, reluBackward: max(x, 0), and the gradient's elements where that is above 0.
#pragma once

#include "../core/check.h"

namespace mlpconv {

struct Relu {
  TensorSpec tensor;

  /// x -> y. Throws ShapeError, DTypeError.
  static Relu forward(const KernelDescription& d) {
    checkCounts(d, {1}, 1);
    return same(d);
  }
  /// dy, y -> dx.
  static Relu backward(const KernelDescription& d) {
    checkCounts(d, {2}, 1);
    checkTensor(d, "y", d.inputs[1], d.inputs[0]);
    return same(d);
  }

 private:
  static Relu same(const KernelDescription& d) {
    checkElement(d, "the input", d.inputs[0]);
    checkTensor(d, "the output", d.outputs[0], d.inputs[0]);
    return {d.inputs[0]};
  }
};

}  // namespace mlpconv
