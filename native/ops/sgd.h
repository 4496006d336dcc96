// sgd: stochastic gradient descent over all parameters at once, as torch.nn.utils.clip_grad_norm_ and then
// torch.optim.SGD do it.
#pragma once

#include <cmath>

#include "../core/arguments.h"
#include "../core/check.h"

namespace mlpconv {

struct Sgd {
  /// The sum of squares is taken by chunks, and in a chunk by lanes: lane j has the elements j, j + lanes and
  /// so on.
  static constexpr int64_t chunk = 4096;
  static constexpr int64_t lanes = 32;

  int64_t parameters;
  int64_t learningRates;
  float momentum;
  float dampening;
  float weightDecay;
  bool nesterov;
  double clipGradNorm;

  /// parameters, gradients, learningRates, counters, momentum (if that is not 0). Throws OptionError,
  /// ShapeError, DTypeError.
  explicit Sgd(const KernelDescription& d) {
    const auto notNegative = [&](const char* name) {
      const double value = d.attributes.number(name);
      checkOption(d, std::isfinite(value) && value >= 0,
                  std::string(name) + " of at least 0, received " + std::to_string(value));
      return value;
    };
    momentum = static_cast<float>(notNegative("momentum"));
    weightDecay = static_cast<float>(notNegative("weightDecay"));
    clipGradNorm = notNegative("clipGradNorm");
    dampening = static_cast<float>(d.attributes.number("dampening"));
    checkOption(d, std::isfinite(dampening), "a finite dampening");
    nesterov = d.attributes.boolean("nesterov");
    checkOption(d, !nesterov || (momentum > 0 && dampening == 0),
                "momentum above 0 and dampening 0 with nesterov");

    checkCounts(d, {momentum > 0 ? size_t{5} : size_t{4}}, 0);
    const TensorSpec& p = d.inputs[0];
    parameters = p.elements();
    checkTensor(d, "parameters", p, {DType::float32, {parameters}});
    checkTensor(d, "gradients", d.inputs[1], p);
    learningRates = d.inputs[2].elements();
    checkTensor(d, "learningRates", d.inputs[2], {DType::float32, {learningRates}});
    checkTensor(d, "counters", d.inputs[3], {DType::int64, {4}});
    if (momentum > 0) checkTensor(d, "momentum", d.inputs[4], p);
  }

  MLPCONV_HOST_DEVICE int64_t chunks() const { return (parameters + chunk - 1) / chunk; }
  /// The factor of the gradients, and the chunks' sums of squares.
  size_t workspaceBytes() const {
    return clipGradNorm > 0 ? static_cast<size_t>(1 + chunks()) * sizeof(double) : 0;
  }
};

/// If gradients are clipped, squares() of every chunk, then clip() once; then update() of every element.
struct SgdFunctor {
  /// What is the same for all elements in one step.
  struct Step {
    float clip;
    float learningRate;
    bool first;
  };

  Sgd op;
  float* parameters;
  const float* gradients;
  const float* learningRates;
  const int64_t* counters;
  /// Null without momentum.
  float* momentum;
  /// Null if gradients are not clipped.
  double* workspace;

  static SgdFunctor of(const Sgd& op, const Arguments& arguments) {
    return {op,
            input<float>(arguments, 0),
            input<const float>(arguments, 1),
            input<const float>(arguments, 2),
            input<const int64_t>(arguments, 3),
            op.momentum > 0 ? input<float>(arguments, 4) : nullptr,
            op.clipGradNorm > 0 ? static_cast<double*>(arguments.workspace) : nullptr};
  }

  /// Adds the squares of `count` lanes of a chunk, from `lane` on, to `sums`; `count` is 1 or all.
  template <int64_t count>
  MLPCONV_HOST_DEVICE void squares(int64_t chunk, int64_t lane, double (&sums)[count]) const {
    const int64_t next = (chunk + 1) * Sgd::chunk;
    const int64_t end = next < op.parameters ? next : op.parameters;
    int64_t i = chunk * Sgd::chunk + lane;
    for (; i + count <= end; i += Sgd::lanes) {
      for (int64_t j = 0; j < count; ++j) sums[j] += square(i + j);
    }
    for (int64_t j = 0; i + j < end; ++j) sums[j] += square(i + j);
  }

  /// A NaN norm makes all gradients NaN, as in PyTorch.
  MLPCONV_HOST_DEVICE void clip() const {
    double sum = 0;
    for (int64_t i = 1; i <= op.chunks(); ++i) sum += workspace[i];
    const double factor = op.clipGradNorm / (std::sqrt(sum) + 1e-6);
    workspace[0] = factor > 1 ? 1 : factor;
  }

  MLPCONV_HOST_DEVICE Step step() const {
    const int64_t number = counters[0];
    const int64_t rate = number < 0 ? 0 : number < op.learningRates ? number : op.learningRates - 1;
    return {workspace ? static_cast<float>(workspace[0]) : 1, learningRates[rate], number == 0};
  }

  template <bool hasMomentum>
  MLPCONV_HOST_DEVICE void update(int64_t i, const Step& step) const {
    float gradient = gradients[i] * step.clip + op.weightDecay * parameters[i];
    if constexpr (hasMomentum) {
      const float next = op.momentum * momentum[i] + (1 - op.dampening) * gradient;
      const float buffer = step.first ? gradient : next;
      momentum[i] = buffer;
      gradient = op.nesterov ? gradient + op.momentum * buffer : buffer;
    }
    parameters[i] -= step.learningRate * gradient;
  }

 private:
  /// Exact in double, so that sums are the same with and without fused multiply-add.
  MLPCONV_HOST_DEVICE double square(int64_t i) const {
    return static_cast<double>(gradients[i]) * gradients[i];
  }
};

}  // namespace mlpconv
