// accumulateMetrics: what a run reports, summed on the device: {loss, correct, samples, step + 1 of the first
// loss that is not finite, then for each class how many samples have a logit that is not 0}.
#pragma once

#include <cmath>

#include "../core/arguments.h"
#include "../core/check.h"

namespace mlpconv {

struct AccumulateMetrics {
  DType dtype;
  int64_t samples;
  int64_t classes;
  double divisor;

  /// logits [N,C], loss, correct, counters, metrics [4 + C]. Throws OptionError, ShapeError, DTypeError.
  explicit AccumulateMetrics(const KernelDescription& d) {
    checkCounts(d, {5}, 0);
    const TensorSpec& logits = d.inputs[0];
    checkElement(d, "logits", logits);
    checkShape(d, logits.shape.size() == 2, "logits to be [N,C]");
    dtype = logits.dtype;
    samples = logits.shape[0];
    classes = logits.shape[1];
    checkTensor(d, "loss", d.inputs[1], {DType::float32, {1}});
    checkTensor(d, "correct", d.inputs[2], {DType::int32, {1}});
    checkTensor(d, "counters", d.inputs[3], {DType::int64, {4}});
    checkTensor(d, "metrics", d.inputs[4], {DType::float64, {4 + classes}});
    divisor = d.attributes.number("divisor");
    checkOption(d, std::isfinite(divisor) && divisor > 0,
                "a divisor above 0, received " + std::to_string(divisor));
  }
};

/// i in [0, C]: class i, and the four others if i is C.
template <typename T>
struct AccumulateMetricsFunctor {
  AccumulateMetrics op;
  const T* logits;
  const float* loss;
  const int32_t* correct;
  const int64_t* counters;
  double* metrics;

  static AccumulateMetricsFunctor of(const AccumulateMetrics& op, const Arguments& arguments) {
    return {op,
            input<const T>(arguments, 0),
            input<const float>(arguments, 1),
            input<const int32_t>(arguments, 2),
            input<const int64_t>(arguments, 3),
            input<double>(arguments, 4)};
  }

  MLPCONV_HOST_DEVICE void operator()(int64_t i) const {
    if (i == op.classes) {
      metrics[0] += *loss * op.divisor;
      metrics[1] += *correct;
      metrics[2] += static_cast<double>(op.samples);
      if (metrics[3] == 0 && !std::isfinite(*loss)) metrics[3] = static_cast<double>(counters[0]) + 1;
      return;
    }
    int64_t alive = 0;
    for (int64_t sample = 0; sample < op.samples; ++sample) {
      alive += static_cast<float>(logits[sample * op.classes + i]) != 0;
    }
    metrics[4 + i] += static_cast<double>(alive);
  }
};

}  // namespace mlpconv
