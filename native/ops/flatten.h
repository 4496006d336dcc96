// flatten, unflatten: each sample as one row in logical (channel, row, column) order, and back.
#pragma once

#include "../core/check.h"

namespace mlpconv {

struct Flatten {
  /// [N,...], channels-last in memory if it has rank 4.
  TensorSpec x;
  /// [N,elements per sample].
  TensorSpec y;

  /// x -> y. Throws ShapeError, DTypeError.
  static Flatten forward(const KernelDescription& d) {
    checkCounts(d, {1}, 1);
    return {d, d.inputs[0], d.outputs[0]};
  }

  /// y -> x.
  static Flatten backward(const KernelDescription& d) {
    checkCounts(d, {1}, 1);
    return {d, d.outputs[0], d.inputs[0]};
  }

 private:
  Flatten(const KernelDescription& d, const TensorSpec& xTensor, const TensorSpec& yTensor)
      : x(xTensor), y(yTensor) {
    checkElement(d, "x", x);
    checkShape(d, x.shape.size() >= 2, "x of rank 2 or more");
    checkTensor(d, "y", y, {x.dtype, {x.shape[0], x.elements() / x.shape[0]}});
  }
};

}  // namespace mlpconv
