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

/// Whether an op of `inputs` inputs, which makes the gradient dx, is followed by a ReLU's backward: attribute
/// relu. It then has one input more, that ReLU's y. Throws OptionError, ShapeError, DTypeError.
inline bool readReluBackward(const KernelDescription& d, size_t inputs) {
  const bool relu = d.attributes.boolean("relu");
  checkCounts(d, {inputs + (relu ? 1 : 0)}, 1);
  if (relu) checkTensor(d, "the ReLU's y", d.inputs[inputs], d.outputs[0]);
  return relu;
}

/// One element of reluBackward. It works on the numbers' bits, so that compilers see a select between
/// integers: as such, those of numbers above 0 are 1 to infinity's, and a NaN's are not.
template <typename Word>
struct ReluBackwardFunctor {
  static_assert(sizeof(Word) == 4 || sizeof(Word) == 2, "float32 or bfloat16");
  static constexpr Word infinity = sizeof(Word) == 4 ? static_cast<Word>(0x7f800000) : Word{0x7f80};

  const Word* dy;
  const Word* y;
  Word* dx;

  MLPCONV_HOST_DEVICE void operator()(int64_t i) const {
    const Word gradient = dy[i];
    dx[i] = static_cast<Word>(y[i] - 1) < infinity ? gradient : Word{0};
  }
};

}  // namespace mlpconv
