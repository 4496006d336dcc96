// What maxPool2d and avgPool2d have in common.
#pragma once

#include "relu.h"
#include "window.h"

namespace mlpconv {

/// x [N,C,H,W], y [N,C,H',W'].
struct Pool2d {
  DType dtype;
  std::vector<int64_t> x;
  std::vector<int64_t> y;
  Window window;
  /// Whether dx becomes the gradient of the ReLU that x came out of.
  bool reluBackward = false;

  TensorSpec xSpec() const { return {dtype, x}; }
  TensorSpec ySpec() const { return {dtype, y}; }

  /// `xTensor` and `yTensor` are x and y or their gradients. Throws OptionError, ShapeError, DTypeError.
  Pool2d(const KernelDescription& d, const TensorSpec& xTensor, const TensorSpec& yTensor)
      : dtype(xTensor.dtype),
        x(xTensor.shape),
        y(yTensor.shape),
        window(d, Window::sizes(d, "kernelSize", 1)) {
    checkElement(d, "x", xTensor);
    checkDType(d, yTensor.dtype == dtype, "x and y of one type");
    checkShape(d, x.size() == 4 && y.size() == 4, "x and y of rank 4");
    checkShape(d, y[0] == x[0] && y[1] == x[1], "as many samples and channels in y as in x");
    for (const size_t i : {0, 1}) {
      checkOption(d, window.padding[i] <= window.kernelSize[i] / 2,
                  "padding to be at most half of kernelSize");
    }
    window.check(d, x, y);
  }
};

}  // namespace mlpconv
