// scale: x * s, s in device memory.
#pragma once

#include "../core/check.h"

namespace mlpconv {

struct Scale {
  DType dtype;
  int64_t elements;

  /// Throws ShapeError, DTypeError.
  explicit Scale(const KernelDescription& d) {
    checkCounts(d, {2}, 1);
    const TensorSpec& x = d.inputs[0];
    checkElement(d, "x", x);
    checkTensor(d, "s", d.inputs[1], {DType::float32, {1}});
    checkTensor(d, "y", d.outputs[0], x);
    dtype = x.dtype;
    elements = x.elements();
  }
};

/// One element.
template <typename T>
struct ScaleFunctor {
  const T* x;
  const float* s;
  T* y;

  MLPCONV_HOST_DEVICE void operator()(int64_t i) const { y[i] = T(static_cast<float>(x[i]) * *s); }
};

}  // namespace mlpconv
