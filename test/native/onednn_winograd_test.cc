// Winograd's kernels against loops in double, on every kind of edge, and where they are chosen.
#include <cmath>
#include <random>

#include "../../native/onednn/primitive.h"
#include "../../native/onednn/simd/target.h"
#include "../../native/onednn/winograd/instructionSets.h"
#include "sliding_shape.h"

namespace mlpconv::test {
namespace {

Tensor gaussian(const TensorSpec& spec, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  Values values(static_cast<size_t>(spec.elements()));
  for (double& value : values) value = normal(generator);
  return {spec, values};
}

double norm(const Values& values) {
  double sum = 0;
  for (const double value : values) sum += value * value;
  return std::sqrt(sum);
}

/// Fails unless the documented bounds hold. The rounding of a result in bfloat16 is not counted.
void checkNear(DType dtype, const Bytes& actual, const Values& expected, const std::string& what) {
  const double rounding = dtype == DType::bfloat16 ? 0x1p-8 : 0;
  const Values got = decode(dtype, actual);
  check(got.size() == expected.size(), what + " to have " + std::to_string(expected.size()) + " elements");
  const double rms = norm(expected) / std::sqrt(static_cast<double>(expected.size()));
  Values errors;
  double largest = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    errors.push_back(std::max(std::abs(got[i] - expected[i]) - rounding * std::abs(expected[i]), 0.0));
    check(std::isfinite(got[i]), what + "[" + std::to_string(i) + "] to be a number");
    largest = std::max(largest, errors.back());
  }
  const double relativeL2 = norm(errors) / norm(expected);
  check(relativeL2 <= winograd::Error::relativeL2,
        what + "'s relative L2 error to be within its bound, received " + std::to_string(relativeL2 * 1e6) +
            "e-6");
  check(largest <= winograd::Error::largest * rms,
        what + "'s largest error to be within its bound, received " + std::to_string(largest / rms * 1e6) +
            "e-6 of the RMS");
}

Values sum(Values a, const Values& b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] += b[i % b.size()];
  return a;
}

KernelDescription describe(const Shape& shape, const std::string& op, const std::vector<TensorSpec>& inputs,
                           const std::vector<TensorSpec>& outputs, const std::string& precision = "default") {
  const AttributeMap attributes = {{"stride", pairOf(shape.sh, shape.sw)},
                                   {"padding", pairOf(shape.ph, shape.pw)},
                                   {"precision", precision},
                                   {"relu", false},
                                   {"accumulate", false}};
  return {op, Attributes(attributes), inputs, outputs};
}

Conv2d forward(const Shape& shape, DType dtype = DType::float32, const std::string& precision = "default") {
  return Conv2d::forward(
      describe(shape, "conv2d", {shape.x(dtype), shape.weight()}, {shape.y(dtype)}, precision));
}

/// Runs what `create` makes for 1, 2, 3 and 12 threads, whose results must be the same to the bit.
template <typename Create>
std::vector<Bytes> runThreads(const Create& create, const std::vector<Tensor>& inputs,
                              const std::vector<TensorSpec>& outputs, const RunOptions& options = {}) {
  const std::vector<Bytes> results = runKernel(*create(1), "winograd", inputs, outputs, options);
  for (const int threads : {2, 3, 12}) {
    check(runKernel(*create(threads), "winograd", inputs, outputs, options) == results,
          "the same bits on " + std::to_string(threads) + " threads as on one");
  }
  return results;
}

using winograd::Epilogue;

void testShape(const winograd::Kernels& kernels, DType dtype, const Shape& shape) {
  const Tensor x = gaussian(shape.x(dtype), 1), dy = gaussian(shape.y(dtype), 2);
  const Tensor weight = gaussian(shape.weight(), 3), bias = gaussian(shape.bias(), 4);
  const Values xs = x.values(), dys = dy.values(), biases = bias.values();
  // Rounded as the kernels do.
  const Values weights = decode(dtype, encode(dtype, weight.values()));
  Values y(dys.size()), dx(xs.size()), dweight(weights.size()), dbias(biases.size());
  shape.slide([&](int64_t s, int64_t i, int64_t j, int64_t k, int64_t l, int64_t row, int64_t column) {
    for (int64_t o = 0; o < shape.o; ++o) {
      const double gradient = dys[shape.yAt(s, o, i, j)];
      double total = 0;
      const size_t inX = shape.xAt(s, 0, row, column), inWeight = shape.weightAt(o, 0, k, l);
      for (size_t c = 0; c < static_cast<size_t>(shape.c); ++c) {
        total += xs[inX + c] * weights[inWeight + c];
        dx[inX + c] += gradient * weights[inWeight + c];
        dweight[inWeight + c] += gradient * xs[inX + c];
      }
      y[shape.yAt(s, o, i, j)] += total;
    }
  });
  for (size_t i = 0; i < dys.size(); ++i) dbias[i % dbias.size()] += dys[i];

  const Conv2d conv = forward(shape, dtype);
  const auto checkImages = [&](const Bytes& actual, const Values& expected, const std::string& what) {
    checkNear(dtype, actual, expected, what);
  };
  const auto checkWeights = [&](const Bytes& actual, const Values& expected, const std::string& what) {
    checkNear(DType::float32, actual, expected, what);
  };
  check(winograd::isPossible(conv), "a shape that Winograd can compute");
  const winograd::Problem problem = winograd::Problem::forward(conv);
  const auto createForward = [&](Epilogue epilogue) {
    return [&, epilogue](int threads) { return kernels.createForward(problem, false, epilogue, threads); };
  };
  checkImages(runThreads(createForward(Epilogue::none), {x, weight}, {dy.spec})[0], y, "y");
  Values rectified = sum(y, biases);
  for (double& value : rectified) value = std::max(value, 0.0);
  checkImages(runThreads(createForward(Epilogue::relu), {x, weight, bias}, {dy.spec})[0], rectified,
              "y with bias and ReLU");

  const auto createBackwardData = [&](Epilogue epilogue) {
    return [&, epilogue](int threads) {
      return kernels.createForward(winograd::Problem::backwardData(conv), true, epilogue, threads);
    };
  };
  checkImages(runThreads(createBackwardData(Epilogue::none), {dy, weight}, {x.spec})[0], dx, "dx");
  for (size_t i = 0; i < dx.size(); ++i) dx[i] = xs[i] > 0 ? dx[i] : 0;
  checkImages(runThreads(createBackwardData(Epilogue::reluBackward), {dy, weight, x}, {x.spec})[0], dx,
              "dx behind a ReLU");

  const auto createBackwardWeights = [&](bool accumulate) {
    return
        [&, accumulate](int threads) { return kernels.createBackwardWeights(problem, accumulate, threads); };
  };
  const auto gradients = runThreads(createBackwardWeights(false), {x, dy}, {weight.spec, bias.spec});
  checkWeights(gradients[0], dweight, "dweight");
  checkWeights(gradients[1], dbias, "dbias");
  check(runThreads(createBackwardWeights(false), {x, dy}, {weight.spec})[0] == gradients[0],
        "dweight to be the same without dbias");
  const auto sums = runThreads(createBackwardWeights(true), {x, dy}, {weight.spec, bias.spec},
                               {.before = {weight.bytes, bias.bytes}});
  checkWeights(sums[0], sum(dweight, weight.values()), "accumulated dweight");
  checkWeights(sums[1], sum(dbias, biases), "accumulated dbias");
}

/// n, c, h, w, o, kernel, padding above and below, padding left and right.
Shape same(int64_t n, int64_t c, int64_t h, int64_t w, int64_t o, int64_t kernel, int64_t ph, int64_t pw) {
  return {n, c, h, w, o, kernel, kernel, 1, 1, ph, pw};
}

std::vector<Shape> shapes() {
  std::vector<Shape> all;
  for (const int64_t kernel : {3, 5}) {
    // Images from the kernel's size on, so that the last tile lacks 0 to 3 rows; all paddings.
    for (int64_t i = 0; i < 2 * kernel; ++i) {
      all.push_back(
          same(1 + i % 2, 5, kernel + i % 7, kernel + i % 5, 3, kernel, i % kernel, (i + 1) / 2 % kernel));
    }
    // Images that are smaller than the kernel, down to a pixel.
    all.push_back(same(3, 4, 1, 1, 20, kernel, kernel / 2, kernel - 1));
    all.push_back(same(2, 17, 1, 6, 1, kernel, kernel - 1, kernel / 2));
    // Channels around the widths of vectors, panels and register tiles.
    for (const auto& [in, out] : {std::pair<int64_t, int64_t>{1, 1},
                                  {15, 33},
                                  {16, 31},
                                  {17, 32},
                                  {32, 16},
                                  {33, 65},
                                  {48, 10},
                                  {49, 15},
                                  {97, 8},
                                  {8, 161}}) {
      all.push_back(same(1, in, 6, 7, out, kernel, 1, 1));
    }
    // More tiles than a block has, forward and in backward weights.
    all.push_back(same(3, 3, 19, 22, 4, kernel, kernel / 2, kernel / 2));
    all.push_back(same(33, 2, 5, 6, 3, kernel, kernel / 2, kernel / 2));
  }
  // 5x5 in tiles of 5x5 outputs, the last of which lack 0 to 4 rows and columns.
  for (const auto& [h, w] : {std::pair<int64_t, int64_t>{5, 6}, {6, 5}, {9, 15}, {10, 14}}) {
    all.push_back(same(12, 5, h, w, 3, 5, 2, 2));
  }
  all.push_back(same(8, 97, 5, 5, 33, 5, 2, 2));
  // Backward weights in several ranges of output channels.
  all.push_back(same(1, 2, 5, 5, 300, 3, 1, 1));
  // As many channels as NiN has, on small images.
  all.push_back(same(1, 96, 6, 6, 256, 5, 2, 2));
  all.push_back(same(1, 256, 4, 4, 384, 3, 1, 1));
  return all;
}

bool isWinograd(Device& device, const KernelDescription& description) {
  const std::shared_ptr<Kernel> kernel = device.createKernel(description);
  return dynamic_cast<const PrimitiveKernel*>(kernel.get()) == nullptr;
}

const std::vector<bool> all(3, true), none(3, false);
/// NiN's second and third block at 224x224.
const Shape second = same(16, 96, 26, 26, 256, 5, 2, 2), third = same(16, 256, 12, 12, 384, 3, 1, 1);

/// Whether each of the three directions of a convolution runs on Winograd.
class Choice {
 public:
  explicit Choice(DType dtype) : dtype_(dtype) { device_.attach(); }

  std::vector<bool> operator()(const Shape& shape, const std::string& precision = "default") {
    const TensorSpec x = shape.x(dtype_), y = shape.y(dtype_), weight = shape.weight();
    return {isWinograd(device_, describe(shape, "conv2d", {x, weight}, {y}, precision)),
            isWinograd(device_, describe(shape, "conv2dBackwardData", {y, weight}, {x}, precision)),
            isWinograd(device_, describe(shape, "conv2dBackwardWeights", {x, y}, {weight}, precision))};
  }

 private:
  DType dtype_;
  OneDnnDevice device_{{.index = 0, .threads = 2}};
};

void testChoice() {
  Choice choice(DType::float32);
  check(choice(second) == all && choice(third) == all,
        "Winograd for NiN's second and third block at 224x224");
  check(choice(same(16, 96, 10, 10, 256, 5, 2, 2)) == all, "Winograd for NiN's second block at 96x96");
  check(choice(same(1, 256, 12, 12, 384, 3, 1, 1)) == std::vector<bool>({true, false, false}),
        "Winograd forward alone for one image of NiN's third block");
  check(choice(second, "highest") == none, "no Winograd where precision is highest");
  check(choice(same(16, 384, 5, 5, 10, 3, 1, 1)) == none, "no Winograd with 10 channels");
  check(choice(same(1, 256, 4, 4, 384, 3, 1, 1)) == none, "no Winograd with one tile");
  check(choice({16, 64, 26, 26, 64, 5, 5, 2, 1, 2, 2}) == none, "no Winograd where the stride is not 1");
  check(choice({16, 64, 26, 26, 64, 3, 5, 1, 1, 1, 2}) == none,
        "no Winograd with a kernel that is not square");
  check(choice(same(16, 64, 26, 26, 64, 3, 3, 1)) == none, "no Winograd with padding as large as the kernel");
  check(choice({16, 64, 26, 26, 64, 7, 7, 1, 1, 3, 3}) == none, "no Winograd for 7x7");
}

void testBfloat16Choice() {
  Choice choice(DType::bfloat16);
  const std::vector<bool> expected = simd::hasAmx() ? none : all;
  check(choice(second) == expected && choice(third) == expected, "Winograd for NiN where there is no AMX");
  check(choice(second, "highest") == none, "no Winograd in bfloat16 where precision is highest");
  check(choice(same(16, 32, 28, 28, 32, 5, 2, 2)) == none, "no Winograd in bfloat16 with 32 channels");
  check(choice(same(16, 64, 14, 14, 64, 3, 1, 1)) == none,
        "no Winograd in bfloat16 where it takes a third of the multiplications");
}

void testOutputs() {
  const auto outputs = [](const Shape& shape) {
    return winograd::chooseOutputs(winograd::Problem::forward(forward(shape)));
  };
  check(outputs(same(8, 96, 26, 26, 256, 5, 2, 2)) == 4, "4 outputs for NiN's second block at 224x224");
  check(outputs(same(64, 96, 10, 10, 256, 5, 2, 2)) == 5, "5 outputs for NiN's second block at 96x96");
  check(outputs(same(1, 96, 10, 10, 256, 5, 2, 2)) == 4,
        "4 outputs where reading the weights is most of the work");
  check(outputs(same(8, 256, 10, 10, 384, 3, 1, 1)) == 4, "4 outputs of a 3x3 convolution");
  for (const auto& [h, w] : {std::pair<int64_t, int64_t>{5, 6}, {6, 5}, {9, 15}, {10, 14}}) {
    check(outputs(same(12, 5, h, w, 3, 5, 2, 2)) == 5, "5 outputs for the images that test them");
  }
}

}  // namespace
}  // namespace mlpconv::test

int main() {
  using namespace mlpconv;
  std::vector<test::Case> cases;
  cases.push_back({"outputs", test::testOutputs});
  if (winograd::kernels() != nullptr) cases.push_back({"choice", test::testChoice});
  // Of narrower vectors, too, than this CPU's. Where there are none there is nothing to test.
  const auto add = [&](const std::string& name, const winograd::Kernels& kernels, DType dtype) {
    for (const test::Shape& shape : test::shapes()) {
      cases.push_back(
          {name + " " + shape.name(), [&kernels, dtype, shape] { test::testShape(kernels, dtype, shape); }});
    }
  };
#ifdef MLPCONV_HAS_SIMD
  using simd::InstructionSet;
  if (simd::instructionSet() >= InstructionSet::avx2) add("avx2", winograd::avx2Kernels, DType::float32);
  if (simd::instructionSet() >= InstructionSet::avx512) {
    add("avx512", winograd::avx512Kernels, DType::float32);
    add("avx512 bfloat16", winograd::avx512Kernels, DType::bfloat16);
    cases.push_back({"choice in bfloat16", test::testBfloat16Choice});
  }
#endif
  return test::run(cases);
}
