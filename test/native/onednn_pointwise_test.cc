// The kernels of 1x1 convolutions and dense layers: exact on integers, on every kind of edge.
#include <random>

#include "../../native/onednn/device.h"
#include "../../native/onednn/pointwise/instructionSets.h"
#include "../../native/onednn/simd/target.h"
#include "kernel_runner.h"

namespace mlpconv::test {
namespace {

using pointwise::Kernels;
using pointwise::Problem;

/// Integers from -4 to 4, whose sums are exact.
Tensor integers(const std::vector<int64_t>& shape, unsigned seed) {
  std::mt19937 generator(seed);
  std::uniform_int_distribution<int> digit(-4, 4);
  const TensorSpec spec = {DType::float32, shape};
  Values values(static_cast<size_t>(spec.elements()));
  for (double& value : values) value = digit(generator);
  return {spec, values};
}

/// Runs what `create` makes for 1, 2, 3 and 12 threads and expects the same of all.
template <typename Create>
void checkExact(const Create& create, const std::vector<Tensor>& inputs,
                const std::vector<TensorSpec>& outputs, const std::vector<Values>& expected,
                const std::string& what, const RunOptions& options = {}) {
  for (const int threads : {1, 2, 3, 12}) {
    const std::vector<Bytes> results = runKernel(*create(threads), "pointwise", inputs, outputs, options);
    for (size_t i = 0; i < expected.size(); ++i) {
      check(decode(DType::float32, results[i]) == expected[i], what + "'s output " + std::to_string(i) +
                                                                   " to be exact on " +
                                                                   std::to_string(threads) + " threads");
    }
  }
}

void testProblem(const Kernels& kernels, const Problem& problem) {
  const auto& [pixels, in, out] = problem;
  const auto at = [](int64_t row, int64_t column, int64_t columns) {
    return static_cast<size_t>(row * columns + column);
  };
  const Tensor x = integers({pixels, in}, 1), dy = integers({pixels, out}, 2);
  const Tensor weight = integers({out, in}, 3), bias = integers({out}, 4);
  const Values xs = x.values(), dys = dy.values(), weights = weight.values(), biases = bias.values();
  Values dx(xs.size()), dweight(weights.size()), dbias(biases.size());
  for (int64_t pixel = 0; pixel < pixels; ++pixel) {
    for (int64_t o = 0; o < out; ++o) {
      const double gradient = dys[at(pixel, o, out)];
      dbias[static_cast<size_t>(o)] += gradient;
      for (int64_t c = 0; c < in; ++c) {
        dx[at(pixel, c, in)] += gradient * weights[at(o, c, in)];
        dweight[at(o, c, in)] += gradient * xs[at(pixel, c, in)];
      }
    }
  }

  const auto backwardData = [&](bool relu) {
    return [&, relu](int threads) { return kernels.createBackwardData(problem, relu, threads); };
  };
  checkExact(backwardData(false), {dy, weight}, {x.spec}, {dx}, "dx");
  for (size_t i = 0; i < dx.size(); ++i) dx[i] = xs[i] > 0 ? dx[i] : 0;
  checkExact(backwardData(true), {dy, weight, x}, {x.spec}, {dx}, "dx behind a ReLU");

  const auto backwardWeights = [&](bool accumulate) {
    return
        [&, accumulate](int threads) { return kernels.createBackwardWeights(problem, accumulate, threads); };
  };
  checkExact(backwardWeights(false), {x, dy}, {weight.spec, bias.spec}, {dweight, dbias}, "backward weights");
  checkExact(backwardWeights(false), {x, dy}, {weight.spec}, {dweight}, "backward weights without bias");
  for (size_t i = 0; i < dweight.size(); ++i) dweight[i] += weights[i];
  for (size_t i = 0; i < dbias.size(); ++i) dbias[i] += biases[i];
  checkExact(backwardWeights(true), {x, dy}, {weight.spec, bias.spec}, {dweight, dbias},
             "accumulated backward weights", {.before = {weight.bytes, bias.bytes}});
}

std::vector<Problem> problems() {
  std::vector<Problem> all;
  // Channels and pixels around the widths of vectors, register tiles, panels and blocks.
  for (const int64_t size : {1, 3, 7, 8, 9, 15, 16, 17, 23, 24, 25, 31, 32, 33, 47, 48, 49, 65}) {
    all.push_back({size, 5, 19});
    all.push_back({13, size, 18});
    all.push_back({14, 6, size});
  }
  // More pixels than a block has, forward and in backward weights.
  all.push_back({127, 10, 12});
  all.push_back({128, 384, 10});
  all.push_back({700, 96, 40});
  // Sums in several parts.
  all.push_back({9, 385, 5});
  all.push_back({20, 1000, 33});
  return all;
}

/// A dense layer's gradient of x, where there are rows enough.
void testChoice() {
  OneDnnDevice device({.threads = 1});
  device.attach();
  const auto implementation = [&](int64_t rows) {
    const TensorSpec dy = {DType::float32, {rows, 16}}, weight = {DType::float32, {16, 16}};
    const Attributes attributes({{"relu", false}, {"precision", "default"}});
    return device.createKernel({"linearBackwardData", attributes, {dy, weight}, {dy}})->implementation();
  };
  check(implementation(1024).starts_with("pointwise:"),
        "ours of many rows, received " + implementation(1024));
  check(!implementation(64).starts_with("pointwise:"), "oneDNN's of few, received " + implementation(64));
}

}  // namespace
}  // namespace mlpconv::test

int main() {
  using namespace mlpconv;
  std::vector<test::Case> cases;
  // Of narrower vectors, too, than this CPU's. Where there are none there is nothing to test.
  const auto add = [&](const std::string& name, const pointwise::Kernels& kernels) {
    for (const pointwise::Problem& problem : test::problems()) {
      const auto& [pixels, in, out] = problem;
      cases.push_back({name + " " + std::to_string(pixels) + " pixels, " + std::to_string(in) + " to " +
                           std::to_string(out) + " channels",
                       [&kernels, problem] { test::testProblem(kernels, problem); }});
    }
  };
#ifdef MLPCONV_HAS_SIMD
  using simd::InstructionSet;
  if (simd::instructionSet() >= InstructionSet::avx2) {
    add("avx2", pointwise::avx2Kernels);
    cases.push_back({"the choice", test::testChoice});
  }
  if (simd::instructionSet() >= InstructionSet::avx512) add("avx512", pointwise::avx512Kernels);
#endif
  return test::run(cases);
}
