// add: a + b, element by element.
#pragma once

#include "../core/check.h"

namespace mlpconv {

struct Add {
  TensorSpec tensor;

  /// a, b -> y. Throws ShapeError, DTypeError.
  explicit Add(const KernelDescription& d) {
    checkCounts(d, {2}, 1);
    tensor = d.inputs[0];
    checkElement(d, "a", tensor);
    checkTensor(d, "b", d.inputs[1], tensor);
    checkTensor(d, "y", d.outputs[0], tensor);
  }
};

}  // namespace mlpconv
