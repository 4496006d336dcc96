// conv2d, conv2dBackwardData, conv2dBackwardWeights: a 2-D cross-correlation, as in PyTorch, and its
// gradients.
#pragma once

#include "affine.h"
#include "window.h"

namespace mlpconv {

/// What may be rounded in float32 besides sums: nothing (`highest`), what Winograd's algorithm rounds
/// (`standard`, in attributes "default"), or also the factors, to TF32's ten bits.
enum class Precision { highest, standard, tfloat32 };

/// x [N,C,H,W], weight [O,C,kh,kw], y [N,O,H',W'].
struct Conv2d : Affine {
  Window window;
  Precision precision;

  Conv2d(const KernelDescription& d, Affine affine)
      : Affine(std::move(affine)), window(d, {weight[2], weight[3]}), precision(readPrecision(d)) {
    window.check(d, x, y);
  }

  Conv2d(Affine affine, Window slide, Precision rounding)
      : Affine(std::move(affine)), window(std::move(slide)), precision(rounding) {}

  static Conv2d forward(const KernelDescription& d) { return {d, Affine::forward(d, 4)}; }
  static Conv2d backwardData(const KernelDescription& d) { return {d, Affine::backwardData(d, 4)}; }
  static Conv2d backwardWeights(const KernelDescription& d) { return {d, Affine::backwardWeights(d, 4)}; }

 private:
  static Precision readPrecision(const KernelDescription& d) {
    const std::string& precision = d.attributes.text("precision");
    checkOption(d, precision == "default" || precision == "highest" || precision == "tfloat32",
                "precision to be 'default', 'highest' or 'tfloat32', received '" + precision + "'");
    if (precision == "highest") return Precision::highest;
    return precision == "tfloat32" ? Precision::tfloat32 : Precision::standard;
  }
};

}  // namespace mlpconv
