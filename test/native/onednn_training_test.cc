// softmaxCrossEntropy, accumulateMetrics and sgd, against loops in double.
#include "typed_runner.h"

namespace mlpconv::test {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

struct Loss {
  double loss = 0;
  Values dlogits;
  int32_t correct = 0;
};

std::vector<TensorSpec> lossOutputs(const Tensor& logits) {
  return {{DType::float32, {1}}, logits.spec, {DType::int32, {1}}};
}

Loss runLoss(const Tensor& logits, const std::vector<int32_t>& labels, double divisor) {
  const Results results =
      runTyped("softmaxCrossEntropy", {{"divisor", divisor}}, {logits, typed(labels)}, lossOutputs(logits));
  return {decode(DType::float32, results.outputs[0])[0], decode(logits.spec.dtype, results.outputs[1]),
          valuesOf<int32_t>(results.outputs[2])[0]};
}

Loss expectedLoss(const Tensor& logits, const std::vector<int32_t>& labels, double divisor) {
  const Values x = logits.values();
  const auto classes = static_cast<size_t>(logits.spec.shape[1]);
  Loss expected;
  for (size_t i = 0; i < labels.size(); ++i) {
    const double* const row = x.data() + i * classes;
    const auto label = static_cast<size_t>(labels[i]);
    const double* const largest = std::max_element(row, row + classes);
    double sum = 0;
    for (size_t c = 0; c < classes; ++c) sum += std::exp(row[c] - *largest);
    for (size_t c = 0; c < classes; ++c) {
      expected.dlogits.push_back((std::exp(row[c] - *largest) / sum - (c == label)) / divisor);
    }
    expected.loss += (std::log(sum) + *largest - row[label]) / divisor;
    expected.correct += largest == row + label;
  }
  return expected;
}

void testSoftmaxCrossEntropy(DType dtype) {
  for (const auto& [samples, classes] :
       {std::pair<int64_t, int64_t>{1, 2}, {1, 1}, {7, 10}, {64, 10}, {3, 1000}, {33, 5}}) {
    Values values = randomValues(samples * classes, 11);
    for (double& value : values) value *= 5;
    const Tensor logits({dtype, {samples, classes}}, values);
    std::vector<int32_t> labels;
    for (int64_t i = 0; i < samples; ++i) labels.push_back(static_cast<int32_t>(i * 7 % classes));
    for (const double divisor : {static_cast<double>(samples), 128.0}) {
      const Loss actual = runLoss(logits, labels, divisor);
      const Loss expected = expectedLoss(logits, labels, divisor);
      checkClose({actual.loss}, {expected.loss}, 1e-6, "loss");
      checkClose(actual.dlogits, decode(dtype, encode(dtype, expected.dlogits)), 1e-6, "dlogits");
      check(actual.correct == expected.correct,
            std::to_string(expected.correct) + " correct, received " + std::to_string(actual.correct));
    }
  }
}

void checkLoss(const Values& logits, int32_t label, const Loss& expected,
               const std::source_location& location = std::source_location::current()) {
  const auto classes = static_cast<int64_t>(logits.size());
  const Loss actual = runLoss(Tensor({DType::float32, {1, classes}}, logits), {label}, 2);
  checkClose({actual.loss}, {expected.loss}, 1e-6, "loss", location);
  checkClose(actual.dlogits, expected.dlogits, 1e-6, "dlogits", location);
  check(actual.correct == expected.correct, "correct to be " + std::to_string(expected.correct), location);
}

void testSoftmaxExtremes() {
  // Far apart, and beyond what exp takes.
  checkLoss({1e38, -3e38, 0}, 0, {0, {0, 0, 0}, 1});
  checkLoss({1e38, -3e38, 0}, 2, {0.5e38, {0.5, 0, -0.5}, 0});
  checkLoss({1000, 1000}, 1, {std::log(2) / 2, {0.25, -0.25}, 0});
  // Nearly one-hot: what the label lacks of 1 is what the others have.
  const double other = std::exp(-20.0) / (1 + 3 * std::exp(-20.0));
  checkLoss({20, 0, 0, 0}, 0,
            {std::log1p(3 * std::exp(-20.0)) / 2, {-3 * other / 2, other / 2, other / 2, other / 2}, 1});
  checkLoss({-infinity, 0, 0}, 1, {std::log(2) / 2, {0, -0.25, 0.25}, 1});
  checkLoss({-infinity, 0, 0}, 0, {infinity, {-0.5, 0.25, 0.25}, 0});
  checkLoss({infinity, 0}, 1, {NAN, {NAN, NAN}, 0});
  checkLoss({-infinity, -infinity}, 1, {NAN, {NAN, NAN}, 0});
  checkLoss({1, NAN}, 1, {NAN, {NAN, NAN}, 0});
  // The first of equals.
  checkLoss({2, 2}, 0, {std::log(2) / 2, {-0.25, 0.25}, 1});
  checkLoss({-0.0, 0.0}, 1, {std::log(2) / 2, {0.25, -0.25}, 0});
  // Labels that are none.
  for (const int32_t label :
       {-1, 2, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()}) {
    checkLoss({0, 0}, label, {NAN, {0.25, 0.25}, 0});
  }
}

void testSoftmaxRefuses() {
  const Tensor logits = typed<float>({2, 2}, {1, 2, 3, 4}), labels = typed<int32_t>({0, 1});
  const std::vector<TensorSpec> outputs = lossOutputs(logits);
  const auto refused = [&]<typename E>(E, double divisor, const std::vector<Tensor>& inputs,
                                       const std::vector<TensorSpec>& to, const std::string& part) {
    checkRefused<E>("softmaxCrossEntropy", {{"divisor", divisor}}, inputs, to, part);
  };
  for (const double divisor : {0.0, -1.0, infinity, double{NAN}}) {
    refused(OptionError(""), divisor, {logits, labels}, outputs, "divisor above 0");
  }
  refused(ShapeError(""), 1, {logits, typed<int32_t>({0})}, outputs, "labels to be int32[2]");
  refused(DTypeError(""), 1, {logits, typed<float>({0, 1})}, outputs, "labels to be int32[2]");
  refused(ShapeError(""), 1, {typed<float>({1, 2}), labels}, outputs, "logits to be [N,C]");
  refused(ShapeError(""), 1, {logits, labels}, {outputs[0], outputs[0], outputs[2]},
          "dlogits to be float32[2,2]");
  refused(ShapeError(""), 1, {logits, labels}, {outputs[0], outputs[1]}, "3 outputs");
}

void testAccumulateMetrics(DType dtype) {
  const Tensor logits({dtype, {3, 4}}, {0, 1, -0.0, 2,  //
                                        0, 3, 0, -1,    //
                                        0, 0, NAN, 0});
  std::vector<double> metrics = {1.5, 10, 100, 0, 1, 2, 3, 4};
  const auto accumulate = [&](float loss, int64_t step) {
    const Results results = runTyped(
        "accumulateMetrics", {{"divisor", 8.0}},
        {logits, typed<float>({loss}), typed<int32_t>({2}), typed<int64_t>({step, 1, 2, 0}), typed(metrics)},
        {});
    metrics = valuesOf<double>(results.inputs[4]);
  };
  accumulate(0.25f, 40);
  check(metrics == std::vector<double>({3.5, 12, 103, 0, 1, 4, 4, 6}), "metrics to be added to");
  accumulate(static_cast<float>(infinity), 41);
  accumulate(NAN, 42);
  check(metrics[3] == 42 && metrics[2] == 109, "the first step whose loss is not finite to stay");
}

void testAccumulateMetricsRefuses() {
  const Tensor logits = typed<float>({1, 2}, {1, 2});
  const std::vector<Tensor> inputs = {logits, typed<float>({1}), typed<int32_t>({1}),
                                      typed<int64_t>({0, 0, 0, 0}), typed<double>({0, 0, 0, 0, 0, 0})};
  const auto with = [&](size_t index, const Tensor& tensor) {
    std::vector<Tensor> others = inputs;
    others[index] = tensor;
    return others;
  };
  const std::string op = "accumulateMetrics";
  const AttributeMap attributes = {{"divisor", 1.0}};
  checkRefused<OptionError>(op, {{"divisor", 0.0}}, inputs, {}, "divisor above 0");
  checkRefused<ShapeError>(op, attributes, with(4, typed<double>({0, 0, 0, 0})), {},
                           "metrics to be float64[6]");
  checkRefused<DTypeError>(op, attributes, with(4, typed<float>({0, 0, 0, 0, 0, 0})), {},
                           "metrics to be float64[6]");
  checkRefused<ShapeError>(op, attributes, with(3, typed<int64_t>({0})), {}, "counters to be int64[4]");
  checkRefused<ShapeError>(op, attributes, with(0, typed<float>({1, 2})), {}, "logits to be [N,C]");
}

struct SgdOptions {
  double momentum = 0;
  double dampening = 0;
  double weightDecay = 0;
  bool nesterov = false;
  double clipGradNorm = 0;

  AttributeMap attributes() const {
    return {{"momentum", momentum},
            {"dampening", dampening},
            {"weightDecay", weightDecay},
            {"nesterov", nesterov},
            {"clipGradNorm", clipGradNorm}};
  }
};

std::vector<float> toFloats(const Values& values) { return {values.begin(), values.end()}; }

struct SgdState {
  Values parameters;
  Values momentum;
};

/// In double, as torch.nn.utils.clip_grad_norm_ and torch.optim.SGD say.
void expectedStep(const SgdOptions& options, double learningRate, bool first, const Values& gradients,
                  SgdState& state) {
  double squares = 0;
  for (const double gradient : gradients) squares += gradient * gradient;
  const double clip =
      options.clipGradNorm > 0 ? std::min(1.0, options.clipGradNorm / (std::sqrt(squares) + 1e-6)) : 1;
  for (size_t i = 0; i < gradients.size(); ++i) {
    double gradient = gradients[i] * clip + options.weightDecay * state.parameters[i];
    if (options.momentum > 0) {
      double& buffer = state.momentum[i];
      buffer = first ? gradient : options.momentum * buffer + (1 - options.dampening) * gradient;
      gradient = options.nesterov ? gradient + options.momentum * buffer : buffer;
    }
    state.parameters[i] -= learningRate * gradient;
  }
}

void testSgd(const SgdOptions& options) {
  const std::vector<float> learningRates = {0.1f, 0.05f, 0.02f};
  for (const int64_t count : {1, 31, 4096, 4097, 20000}) {
    SgdState expected{toDoubles(toFloats(randomValues(count, 1))), Values(static_cast<size_t>(count))};
    // What momentum holds before the first step must not matter.
    std::vector<float> parameters = toFloats(expected.parameters);
    std::vector<float> momentum(static_cast<size_t>(count), NAN);
    for (int64_t step = 0; step < 5; ++step) {
      const std::vector<float> gradients = toFloats(randomValues(count, 100 + static_cast<unsigned>(step)));
      std::vector<Tensor> inputs = {typed(parameters), typed(gradients), typed(learningRates),
                                    typed<int64_t>({step, 0, 0, 0})};
      if (options.momentum > 0) inputs.push_back(typed(momentum));
      const Results results = runTyped("sgd", options.attributes(), inputs, {});
      parameters = valuesOf<float>(results.inputs[0]);
      if (options.momentum > 0) momentum = valuesOf<float>(results.inputs[4]);
      expectedStep(options, learningRates[static_cast<size_t>(std::min<int64_t>(step, 2))], step == 0,
                   toDoubles(gradients), expected);
      checkClose(toDoubles(parameters), expected.parameters, 2e-6, "parameters");
      if (options.momentum > 0) checkClose(toDoubles(momentum), expected.momentum, 2e-6, "momentum");
    }
  }
}

std::vector<Tensor> sgdInputs(const std::vector<float>& gradients, int64_t step = 0) {
  const std::vector<float> zeros(gradients.size());
  return {typed(zeros), typed(gradients), typed<float>({1, 2}), typed<int64_t>({step, 0, 0, 0})};
}

void testSgdExact() {
  const auto after = [](const SgdOptions& options, const std::vector<Tensor>& inputs) {
    return valuesOf<float>(runTyped("sgd", options.attributes(), inputs, {}).inputs[0]);
  };
  const auto factor = static_cast<float>(1 / (5 + 1e-6));
  check(after({.clipGradNorm = 1}, sgdInputs({3, 4})) == std::vector<float>({-3 * factor, -4 * factor}),
        "a long gradient to be clipped");
  check(after({.clipGradNorm = 6}, sgdInputs({3, 4})) == std::vector<float>({-3, -4}),
        "a short gradient to stay");
  // Squares beyond float32.
  check(after({.clipGradNorm = 1}, sgdInputs({1e30f, 0})) == std::vector<float>({-1, 0}), "a huge gradient");
  for (const float bad : {static_cast<float>(NAN), static_cast<float>(infinity)}) {
    check(std::isnan(after({.clipGradNorm = 1}, sgdInputs({bad, 1}))[0]), "a bad gradient to show");
  }
  check(std::isnan(after({.clipGradNorm = 1}, sgdInputs({NAN, 1}))[1]), "a norm of NaN to show everywhere");
  // The learning rate of a step beyond either end of the table is the nearest.
  for (const int64_t step : {int64_t{2}, std::numeric_limits<int64_t>::max()}) {
    check(after({}, sgdInputs({1}, step))[0] == -2, "the last learning rate");
  }
  check(after({}, sgdInputs({1}, -1))[0] == -1, "the first learning rate");
}

void testSgdRefuses() {
  const std::vector<Tensor> inputs = sgdInputs({1, 2});
  const auto refusedOption = [&](const SgdOptions& options, const std::string& part) {
    checkRefused<OptionError>("sgd", options.attributes(), inputs, {}, part);
  };
  refusedOption({.momentum = -1}, "momentum of at least 0");
  refusedOption({.momentum = NAN}, "momentum of at least 0");
  refusedOption({.dampening = NAN}, "dampening");
  refusedOption({.weightDecay = -1}, "weightDecay of at least 0");
  refusedOption({.clipGradNorm = infinity}, "clipGradNorm of at least 0");
  refusedOption({.nesterov = true}, "nesterov");
  refusedOption({.momentum = 0.9, .dampening = 0.1, .nesterov = true}, "nesterov");

  checkRefused<ShapeError>("sgd", SgdOptions{.momentum = 0.9}.attributes(), inputs, {}, "5 inputs");
  const auto refusedInput = [&]<typename E>(E, size_t index, const Tensor& tensor, const std::string& part) {
    std::vector<Tensor> others = inputs;
    others[index] = tensor;
    checkRefused<E>("sgd", SgdOptions{}.attributes(), others, {}, part);
  };
  refusedInput(ShapeError(""), 0, typed<float>({1, 2}, {1, 2}), "parameters to be float32[2]");
  refusedInput(ShapeError(""), 1, typed<float>({1}), "gradients to be float32[2]");
  refusedInput(DTypeError(""), 2, typed<double>({1}), "learningRates to be float32[1]");
  refusedInput(DTypeError(""), 3, typed<int32_t>({1, 2, 3, 4}), "counters to be int64[4]");
}

}  // namespace
}  // namespace mlpconv::test

int main() {
  using namespace mlpconv::test;
  std::vector<Case> cases;
  for (const mlpconv::DType dtype : elementTypes) {
    const std::string type = dtype == mlpconv::DType::float32 ? "float32 " : "bfloat16 ";
    cases.push_back({type + "softmaxCrossEntropy", [=] { testSoftmaxCrossEntropy(dtype); }});
    cases.push_back({type + "accumulateMetrics", [=] { testAccumulateMetrics(dtype); }});
  }
  cases.push_back({"softmaxCrossEntropy at the extremes", testSoftmaxExtremes});
  cases.push_back({"softmaxCrossEntropy refuses", testSoftmaxRefuses});
  cases.push_back({"accumulateMetrics refuses", testAccumulateMetricsRefuses});
  for (const SgdOptions& options : {
           SgdOptions{},
           SgdOptions{.weightDecay = 0.01, .clipGradNorm = 1},
           SgdOptions{.momentum = 0.9},
           SgdOptions{.momentum = 0.9, .dampening = 0.5, .weightDecay = 0.01},
           SgdOptions{.momentum = 0.9, .weightDecay = 0.01, .nesterov = true},
           SgdOptions{.momentum = 0.9, .nesterov = true, .clipGradNorm = 0.5},
           SgdOptions{.momentum = 0.5, .clipGradNorm = 1e6},
       }) {
    cases.push_back({"sgd, momentum " + std::to_string(options.momentum) +
                         (options.nesterov ? ", nesterov" : "") + ", clip " +
                         std::to_string(options.clipGradNorm),
                     [=] { testSgd(options); }});
  }
  cases.push_back({"sgd, exact", testSgdExact});
  cases.push_back({"sgd refuses", testSgdRefuses});
  return run(cases);
}
