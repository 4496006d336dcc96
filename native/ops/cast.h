// cast: from float32 to bfloat16, rounded to nearest with ties to even, or back.
#pragma once

#include "../core/check.h"

namespace mlpconv {

struct Cast {
  TensorSpec from;
  TensorSpec to;

  /// x -> y. Throws ShapeError, DTypeError.
  explicit Cast(const KernelDescription& d) {
    checkCounts(d, {1}, 1);
    from = d.inputs[0];
    to = d.outputs[0];
    checkElement(d, "x", from);
    checkElement(d, "y", to);
    checkDType(d, from.dtype != to.dtype, "y of another type than x");
    checkShape(d, from.shape == to.shape, "y of x's shape");
  }
};

}  // namespace mlpconv
