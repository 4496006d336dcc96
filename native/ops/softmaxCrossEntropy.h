// softmaxCrossEntropy: the loss, its gradient and the number of correct answers.
#pragma once

#include <cmath>

#include "../core/arguments.h"
#include "../core/check.h"

namespace mlpconv {

struct SoftmaxCrossEntropy {
  /// What one sample adds to the sums.
  struct Share {
    double loss;
    int32_t correct;
  };

  DType dtype;
  int64_t samples;
  int64_t classes;
  double divisor;

  /// logits [N,C], labels [N] -> loss, dlogits, correct. Throws OptionError, ShapeError, DTypeError.
  explicit SoftmaxCrossEntropy(const KernelDescription& d) {
    checkCounts(d, {2}, 3);
    const TensorSpec& logits = d.inputs[0];
    checkElement(d, "logits", logits);
    checkShape(d, logits.shape.size() == 2, "logits to be [N,C]");
    dtype = logits.dtype;
    samples = logits.shape[0];
    classes = logits.shape[1];
    checkTensor(d, "labels", d.inputs[1], {DType::int32, {samples}});
    checkTensor(d, "loss", d.outputs[0], {DType::float32, {1}});
    checkTensor(d, "dlogits", d.outputs[1], logits);
    checkTensor(d, "correct", d.outputs[2], {DType::int32, {1}});
    divisor = d.attributes.number("divisor");
    checkOption(d, std::isfinite(divisor) && divisor > 0,
                "a divisor above 0, received " + std::to_string(divisor));
  }

  size_t workspaceBytes() const { return static_cast<size_t>(samples) * sizeof(Share); }
};

/// One sample; then sum() once. In double: where the softmax is nearly the one-hot label, float32 would leave
/// nothing of their difference.
template <typename T>
struct SoftmaxCrossEntropyFunctor {
  SoftmaxCrossEntropy op;
  const T* logits;
  const int32_t* labels;
  float* loss;
  T* dlogits;
  int32_t* correct;
  SoftmaxCrossEntropy::Share* shares;

  static SoftmaxCrossEntropyFunctor of(const SoftmaxCrossEntropy& op, const Arguments& arguments) {
    return {op,
            input<const T>(arguments, 0),
            input<const int32_t>(arguments, 1),
            output<float>(arguments, 0),
            output<T>(arguments, 1),
            output<int32_t>(arguments, 2),
            static_cast<SoftmaxCrossEntropy::Share*>(arguments.workspace)};
  }

  MLPCONV_HOST_DEVICE void operator()(int64_t sample) const {
    const T* row = logits + sample * op.classes;
    T* drow = dlogits + sample * op.classes;
    const int64_t label = labels[sample];
    int64_t best = 0;
    for (int64_t c = 1; c < op.classes; ++c) {
      if (static_cast<float>(row[c]) > static_cast<float>(row[best])) best = c;
    }
    const double largest = static_cast<float>(row[best]);
    double sum = 0;
    for (int64_t c = 0; c < op.classes; ++c) sum += std::exp(static_cast<float>(row[c]) - largest);
    for (int64_t c = 0; c < op.classes; ++c) {
      const double softmax = std::exp(static_cast<float>(row[c]) - largest) / sum;
      drow[c] = T(static_cast<float>((softmax - (c == label ? 1 : 0)) / op.divisor));
    }
    const bool known = label >= 0 && label < op.classes;
    shares[sample] = {known ? std::log(sum) + largest - static_cast<float>(row[label]) : NAN, best == label};
  }

  MLPCONV_HOST_DEVICE void sum() const {
    SoftmaxCrossEntropy::Share total{0, 0};
    for (int64_t i = 0; i < op.samples; ++i) {
      total.loss += shares[i].loss;
      total.correct += shares[i].correct;
    }
    *loss = static_cast<float>(total.loss / op.divisor);
    *correct = total.correct;
  }
};

}  // namespace mlpconv
