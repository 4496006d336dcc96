// fill: one value everywhere.
#pragma once

#include "../core/check.h"

namespace mlpconv {

struct Fill {
  int64_t elements;
  float value;

  /// Throws OptionError, ShapeError, DTypeError.
  explicit Fill(const KernelDescription& d) {
    checkCounts(d, {0}, 1);
    const TensorSpec& y = d.outputs[0];
    checkTensor(d, "y", y, {DType::float32, y.shape});
    elements = y.elements();
    value = static_cast<float>(d.attributes.number("value"));
  }
};

/// One element.
struct FillFunctor {
  float value;
  float* y;

  MLPCONV_HOST_DEVICE void operator()(int64_t i) const { y[i] = value; }
};

}  // namespace mlpconv
