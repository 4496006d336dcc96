// The ops that are oneDNN primitives, and reluBackward, against loops. Integers are exact: sums of products
// are below 2^24, and a bfloat16 result is the exact one rounded once.
#include <cmath>
#include <limits>
#include <numeric>
#include <oneapi/dnnl/dnnl.hpp>

#include "../../native/onednn/device.h"
#include "../../native/onednn/primitive.h"
#include "sliding_shape.h"

namespace mlpconv::test {
namespace {

const DType dtypes[] = {DType::float32, DType::bfloat16};

/// Integers from -limit to limit, the same for the same seed.
Values integers(int64_t count, int limit, unsigned seed) {
  Values values(static_cast<size_t>(count));
  uint32_t state = seed * 2654435761u + 1;
  for (double& value : values) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<int>(state >> 8) % (2 * limit + 1) - limit;
  }
  return values;
}

/// What float32 tensors need more bits for than TF32 or bfloat16 have.
int limitOf(DType dtype) { return dtype == DType::float32 ? 4095 : 7; }

Tensor integerTensor(const TensorSpec& spec, int limit, unsigned seed) {
  return {spec, integers(spec.elements(), limit, seed)};
}

void checkEqual(const Bytes& actual, const TensorSpec& spec, const Values& expected,
                const std::string& what) {
  const Values got = decode(spec.dtype, actual);
  const Values want = decode(spec.dtype, encode(spec.dtype, expected));
  check(got.size() == want.size(), what + " to have " + std::to_string(want.size()) + " elements");
  for (size_t i = 0; i < got.size(); ++i) {
    const bool equal = got[i] == want[i] || (std::isnan(got[i]) && std::isnan(want[i]));
    check(equal, what + "[" + std::to_string(i) + "] to be " + std::to_string(want[i]) + ", received " +
                     std::to_string(got[i]));
  }
}

AttributeMap with(AttributeMap attributes, const std::string& name, const Attributes::Value& value) {
  attributes[name] = value;
  return attributes;
}

/// A kernel that makes dx, with a ReLU's backward behind it and without.
void checkGradient(Device& device, const std::string& op, const AttributeMap& attributes,
                   std::vector<Tensor> inputs, const TensorSpec& xSpec, Values dx) {
  const Bytes plain = runKernel(device, op, with(attributes, "relu", false), inputs, {xSpec})[0];
  if (!dx.empty()) checkEqual(plain, xSpec, dx, "dx");
  inputs.push_back(integerTensor(xSpec, 2, 6));
  const Values y = inputs.back().values();
  Values masked = decode(xSpec.dtype, plain);
  for (size_t i = 0; i < masked.size(); ++i) masked[i] = y[i] > 0 ? masked[i] : 0;
  checkEqual(runKernel(device, op, with(attributes, "relu", true), inputs, {xSpec})[0], xSpec, masked,
             "dx with ReLU");
}

void testConvolution(Device& device, const Shape& shape, DType dtype) {
  const Tensor x = integerTensor(shape.x(dtype), limitOf(dtype), 1);
  const Tensor dy = integerTensor(shape.y(dtype), limitOf(dtype), 2);
  const Tensor weight = integerTensor(shape.weight(), 3, 3);
  const Tensor bias = integerTensor(shape.bias(), 100, 4);
  // So that |dweight| stays below 2^24.
  const Tensor smallX = integerTensor(shape.x(dtype), 7, 5);

  Values y(dy.values().size()), dx(x.values().size()), dweight(weight.values().size()),
      dbias(bias.values().size());
  const Values xs = x.values(), smallXs = smallX.values(), dys = dy.values(), weights = weight.values();
  const Values biases = bias.values();
  shape.slide([&](int64_t s, int64_t i, int64_t j, int64_t k, int64_t l, int64_t row, int64_t column) {
    for (int64_t o = 0; o < shape.o; ++o) {
      for (int64_t c = 0; c < shape.c; ++c) {
        const size_t inX = shape.xAt(s, c, row, column), inY = shape.yAt(s, o, i, j);
        const size_t inWeight = shape.weightAt(o, c, k, l);
        y[inY] += xs[inX] * weights[inWeight];
        dx[inX] += dys[inY] * weights[inWeight];
        dweight[inWeight] += dys[inY] * smallXs[inX];
      }
    }
  });
  for (size_t i = 0; i < dys.size(); ++i) dbias[i % dbias.size()] += dys[i];

  for (const bool relu : {false, true}) {
    const AttributeMap attributes = with(shape.convolution(), "relu", relu);
    Values plain = y, biased = y;
    for (size_t i = 0; i < y.size(); ++i) {
      biased[i] += biases[i % biases.size()];
      if (relu) plain[i] = std::max(plain[i], 0.0);
      if (relu) biased[i] = std::max(biased[i], 0.0);
    }
    const std::string what = relu ? "y with ReLU" : "y";
    checkEqual(runKernel(device, "conv2d", attributes, {x, weight}, {dy.spec})[0], dy.spec, plain, what);
    checkEqual(runKernel(device, "conv2d", attributes, {x, weight, bias}, {dy.spec})[0], dy.spec, biased,
               what + " and bias");
  }
  checkGradient(device, "conv2dBackwardData", shape.convolution(), {dy, weight}, x.spec, dx);

  const AttributeMap once = with(shape.convolution(), "accumulate", false);
  const auto gradients =
      runKernel(device, "conv2dBackwardWeights", once, {smallX, dy}, {weight.spec, bias.spec});
  checkEqual(gradients[0], weight.spec, dweight, "dweight");
  checkEqual(gradients[1], bias.spec, dbias, "dbias");
  checkEqual(runKernel(device, "conv2dBackwardWeights", once, {smallX, dy}, {weight.spec})[0], weight.spec,
             dweight, "dweight without dbias");

  const AttributeMap more = with(shape.convolution(), "accumulate", true);
  const auto sums = runKernel(device, "conv2dBackwardWeights", more, {smallX, dy}, {weight.spec, bias.spec},
                              {.before = {weight.bytes, bias.bytes}});
  for (size_t i = 0; i < weights.size(); ++i) dweight[i] += weights[i];
  for (size_t i = 0; i < biases.size(); ++i) dbias[i] += biases[i];
  checkEqual(sums[0], weight.spec, dweight, "accumulated dweight");
  checkEqual(sums[1], bias.spec, dbias, "accumulated dbias");
}

void testLinear(Device& device, int64_t n, int64_t in, int64_t out, DType dtype) {
  const TensorSpec xSpec = {dtype, {n, in}}, ySpec = {dtype, {n, out}};
  const Tensor x = integerTensor(xSpec, limitOf(dtype), 1), dy = integerTensor(ySpec, limitOf(dtype), 2);
  const Tensor smallX = integerTensor(xSpec, 7, 5);
  const Tensor weight = integerTensor({DType::float32, {out, in}}, 3, 3);
  const Tensor bias = integerTensor({DType::float32, {out}}, 100, 4);
  const Values xs = x.values(), smallXs = smallX.values(), dys = dy.values(), weights = weight.values();
  const Values biases = bias.values();

  Values y(dys.size()), dx(xs.size()), dweight(weights.size()), dbias(biases.size());
  for (int64_t s = 0; s < n; ++s) {
    for (int64_t o = 0; o < out; ++o) {
      const auto inY = static_cast<size_t>(s * out + o);
      dbias[static_cast<size_t>(o)] += dys[inY];
      for (int64_t i = 0; i < in; ++i) {
        const auto inX = static_cast<size_t>(s * in + i), inWeight = static_cast<size_t>(o * in + i);
        y[inY] += xs[inX] * weights[inWeight];
        dx[inX] += dys[inY] * weights[inWeight];
        dweight[inWeight] += dys[inY] * smallXs[inX];
      }
    }
  }
  const AttributeMap precision = {{"precision", std::string("default")}};
  for (const bool relu : {false, true}) {
    Values plain = y, biased = y;
    for (size_t i = 0; i < y.size(); ++i) {
      biased[i] += biases[i % biases.size()];
      if (relu) plain[i] = std::max(plain[i], 0.0);
      if (relu) biased[i] = std::max(biased[i], 0.0);
    }
    const AttributeMap attributes = with(precision, "relu", relu);
    checkEqual(runKernel(device, "linear", attributes, {x, weight}, {ySpec})[0], ySpec, plain, "y");
    checkEqual(runKernel(device, "linear", attributes, {x, weight, bias}, {ySpec})[0], ySpec, biased,
               "y and bias");
  }
  checkGradient(device, "linearBackwardData", precision, {dy, weight}, xSpec, dx);
  const auto gradients = runKernel(device, "linearBackwardWeights", with(precision, "accumulate", false),
                                   {smallX, dy}, {weight.spec, bias.spec});
  checkEqual(gradients[0], weight.spec, dweight, "dweight");
  checkEqual(gradients[1], bias.spec, dbias, "dbias");
  const auto sums = runKernel(device, "linearBackwardWeights", with(precision, "accumulate", true),
                              {smallX, dy}, {weight.spec}, {.before = {weight.bytes}});
  for (size_t i = 0; i < weights.size(); ++i) dweight[i] += weights[i];
  checkEqual(sums[0], weight.spec, dweight, "accumulated dweight");
}

AttributeMap poolAttributes(const Shape& shape) {
  return with(shape.window(), "kernelSize", pairOf(shape.kh, shape.kw));
}

void testMaxPool(Device& device, const Shape& shape, DType dtype) {
  const TensorSpec xSpec = shape.x(dtype), ySpec = shape.y(dtype), indexSpec = {DType::opaque, {}};
  // All different within a window's reach, exact in bfloat16, and below 0, so that padding with 0 would show.
  Values xs(static_cast<size_t>(xSpec.elements()));
  for (size_t i = 0; i < xs.size(); ++i) {
    const size_t place = i * 7919 % 896;
    xs[i] = -std::ldexp(128.0 + static_cast<double>(place % 128), static_cast<int>(place / 128));
  }
  const Tensor x(xSpec, xs), dy = integerTensor(ySpec, 7, 2);
  const Values dys = dy.values();

  Values y(dys.size(), -std::numeric_limits<double>::infinity()), dx(xs.size());
  std::vector<size_t> from(dys.size());
  shape.slide([&](int64_t s, int64_t i, int64_t j, int64_t, int64_t, int64_t row, int64_t column) {
    for (int64_t c = 0; c < shape.c; ++c) {
      const size_t inX = shape.xAt(s, c, row, column), inY = shape.yAt(s, c, i, j);
      if (xs[inX] > y[inY]) {
        y[inY] = xs[inX];
        from[inY] = inX;
      }
    }
  });
  for (size_t i = 0; i < dys.size(); ++i) dx[from[i]] += dys[i];

  const AttributeMap attributes = poolAttributes(shape);
  checkEqual(runKernel(device, "maxPool2d", attributes, {x}, {ySpec})[0], ySpec, y, "y without index");
  const auto outputs = runKernel(device, "maxPool2d", attributes, {x}, {ySpec, indexSpec});
  checkEqual(outputs[0], ySpec, y, "y");
  checkGradient(device, "maxPool2dBackward", attributes, {dy, Tensor(outputs[1])}, xSpec, dx);
}

void testAvgPool(Device& device, const Shape& shape, DType dtype, bool countIncludePad) {
  const Tensor x = integerTensor(shape.x(dtype), 100, 1), dy = integerTensor(shape.y(dtype), 100, 2);
  const Values xs = x.values(), dys = dy.values();
  Values counts(dys.size()), y(dys.size()), dx(xs.size());
  const auto eachChannel = [&](const auto& visit) {
    shape.slide([&](int64_t s, int64_t i, int64_t j, int64_t, int64_t, int64_t row, int64_t column) {
      for (int64_t c = 0; c < shape.c; ++c) visit(shape.xAt(s, c, row, column), shape.yAt(s, c, i, j));
    });
  };
  eachChannel([&](size_t, size_t inY) { counts[inY] += 1; });
  if (countIncludePad) counts.assign(counts.size(), static_cast<double>(shape.kh * shape.kw));
  eachChannel([&](size_t inX, size_t inY) {
    y[inY] += xs[inX] / counts[inY];
    dx[inX] += dys[inY] / counts[inY];
  });
  const AttributeMap attributes = with(poolAttributes(shape), "countIncludePad", countIncludePad);
  const double rounding = dtype == DType::float32 ? 1e-6 : 1.0 / 256;
  const auto near = [&](const Bytes& actual, const TensorSpec& spec, const Values& expected,
                        const char* what) {
    const Values got = decode(spec.dtype, actual);
    for (size_t i = 0; i < got.size(); ++i) {
      // Terms of up to 100 that cancel leave an error of their own size.
      check(std::abs(got[i] - expected[i]) <= 1e-4 + rounding * std::abs(expected[i]),
            std::string(what) + "[" + std::to_string(i) + "] to be " + std::to_string(expected[i]) +
                ", received " + std::to_string(got[i]));
    }
  };
  near(runKernel(device, "avgPool2d", attributes, {x}, {dy.spec})[0], dy.spec, y, "y");
  near(runKernel(device, "avgPool2dBackward", with(attributes, "relu", false), {dy}, {x.spec})[0], x.spec, dx,
       "dx");
  checkGradient(device, "avgPool2dBackward", attributes, {dy}, x.spec, {});
}

void testElementWise(Device& device, DType dtype) {
  for (const std::vector<int64_t>& sizes :
       {std::vector<int64_t>{1}, {3, 5}, {2, 10, 5, 3}, {1, 1, 1, 1}, {2, 3, 4, 5, 6}, {4099}}) {
    const TensorSpec spec = {dtype, sizes};
    const Tensor a = integerTensor(spec, 99, 1), b = integerTensor(spec, 99, 2);
    Values relu = a.values(), backward = a.values(), sum = a.values();
    for (size_t i = 0; i < sum.size(); ++i) {
      relu[i] = std::max(relu[i], 0.0);
      if (b.values()[i] <= 0) backward[i] = 0;
      sum[i] += b.values()[i];
    }
    for (const bool inPlace : {false, true}) {
      const RunOptions options = {.before = {}, .inPlace = inPlace};
      checkEqual(runKernel(device, "relu", {}, {a}, {spec}, options)[0], spec, relu, "relu");
      checkEqual(runKernel(device, "reluBackward", {}, {a, b}, {spec}, options)[0], spec, backward,
                 "reluBackward");
      checkEqual(runKernel(device, "add", {}, {a, b}, {spec}, options)[0], spec, sum, "add");
    }
  }
}

/// y > 0 for what is not an ordinary number.
void testReluBackwardEdges(Device& device, DType dtype) {
  const double infinity = std::numeric_limits<double>::infinity();
  const TensorSpec spec = {dtype, {9}};
  const Values y = {0.0, -0.0, 0x1p-126, -0x1p-126, infinity, -infinity, NAN, -NAN, 1};
  const Values dy = {1, 2, 3, 4, 5, 6, 7, 8, NAN}, dx = {0, 0, 3, 0, 5, 0, 0, 0, NAN};
  checkEqual(runKernel(device, "reluBackward", {}, {Tensor(spec, dy), Tensor(spec, y)}, {spec})[0], spec, dx,
             "dx");
}

void testCast(Device& device) {
  const double infinity = std::numeric_limits<double>::infinity();
  // Halfway cases go to the even neighbour: 1 + 2^-8 -> 1, 1 + 3 * 2^-8 -> 1 + 2^-6.
  const Values from = {0,   -0.0,      1 + 0x1p-8, 1 + 0x3p-8, 1 + 0x1.01p-8, -3.14159, 3e38, 3.4e38, 1e-3,
                       257, -infinity, infinity,   NAN,        65537,         1,        -1,   42};
  const Values to = {0,          -0.0,     1,          1 + 0x1p-6, 1 + 0x1p-7, -3.140625,
                     0x1.c4p127, infinity, 0x1.06p-10, 256,        -infinity,  infinity,
                     NAN,        65536,    1,          -1,         42};
  const TensorSpec wide = {DType::float32, {17}}, narrow = {DType::bfloat16, {17}};
  checkEqual(runKernel(device, "cast", {}, {Tensor(wide, from)}, {narrow})[0], narrow, to, "bfloat16");
  checkEqual(runKernel(device, "cast", {}, {Tensor(narrow, to)}, {wide})[0], wide, to, "float32");
}

void testFlatten(Device& device, DType dtype) {
  for (const Shape& shape : {Shape{2, 3, 4, 5, 1, 1, 1}, Shape{1, 10, 1, 1, 1, 1, 1},
                             Shape{3, 1, 7, 2, 1, 1, 1}, Shape{2, 17, 5, 5, 1, 1, 1}}) {
    const TensorSpec xSpec = shape.x(dtype), ySpec = {dtype, {shape.n, shape.c * shape.h * shape.w}};
    const Tensor x = integerTensor(xSpec, 200, 1);
    const Values xs = x.values();
    Values ys;
    for (int64_t s = 0; s < shape.n; ++s) {
      for (int64_t c = 0; c < shape.c; ++c) {
        for (int64_t i = 0; i < shape.h; ++i) {
          for (int64_t j = 0; j < shape.w; ++j) ys.push_back(xs[shape.xAt(s, c, i, j)]);
        }
      }
    }
    checkEqual(runKernel(device, "flatten", {}, {x}, {ySpec})[0], ySpec, ys, "y");
    checkEqual(runKernel(device, "unflatten", {}, {Tensor(ySpec, ys)}, {xSpec})[0], xSpec, xs, "x");
  }
  const TensorSpec rows = {dtype, {4, 6}};
  const Tensor x = integerTensor(rows, 200, 1);
  checkEqual(runKernel(device, "flatten", {}, {x}, {rows})[0], rows, x.values(), "rows");
}

std::vector<Case> cases(Device& device) {
  std::vector<Case> all;
  for (const DType dtype : dtypes) {
    const std::string type = dtype == DType::float32 ? "float32 " : "bfloat16 ";
    for (const Shape& shape : {
             Shape{2, 1, 27, 31, 16, 11, 11, 4, 4},     // NiN's stem
             Shape{1, 1, 23, 19, 96, 11, 11, 4, 4},     //
             Shape{2, 3, 16, 16, 8, 3, 3},              // three channels
             Shape{2, 96, 7, 5, 32, 5, 5, 1, 1, 2, 2},  // NiN's second block
             Shape{1, 32, 6, 6, 32, 1, 1},              // 1x1
             Shape{3, 16, 5, 5, 10, 3, 3, 1, 1, 1, 1},  // to ten classes
             Shape{3, 10, 5, 5, 10, 1, 1},              // ten channels
             Shape{1, 10, 1, 1, 10, 1, 1},              //
             Shape{2, 16, 1, 1, 10, 3, 3, 1, 1, 1, 1},  // a kernel larger than the input
             Shape{1, 1, 1, 1, 1, 1, 1},                //
             Shape{2, 5, 9, 7, 7, 3, 2, 2, 3, 1, 0},    // odd, and different by side
             Shape{1, 2, 5, 9, 3, 1, 7, 1, 2, 0, 3},    //
             Shape{1, 17, 8, 8, 33, 2, 2, 2, 2},        // just above a vector
             Shape{2, 4, 4, 4, 6, 1, 1, 3, 3},          // a stride larger than the kernel
             Shape{2, 3, 9, 2, 4, 3, 3, 2, 4, 1, 1},    // narrower than the stride
             Shape{1, 3, 4, 4, 5, 1, 1, 1, 1, 3, 3},    // rows that see padding only
             Shape{1, 16, 3, 3, 16, 3, 3, 2, 1, 5, 4},  //
             Shape{1, 1, 12, 12, 2, 11, 11, 1, 1, 5, 5},
             Shape{1, 2, 6, 6, 2, 4, 4, 3, 3, 1, 1},  //
             Shape{4, 1, 64, 64, 96, 11, 11, 4, 4},   // enough work for two threads
             Shape{4, 32, 12, 12, 32, 5, 5, 1, 1, 2, 2},
             Shape{8, 64, 12, 12, 64, 1, 1},
             Shape{16, 64, 4, 4, 64, 3, 3, 1, 1, 1, 1},
         }) {
      all.push_back(
          {type + "convolution " + shape.name(), [=, &device] { testConvolution(device, shape, dtype); }});
    }
    for (const auto& [n, in, out] : {std::array<int64_t, 3>{1, 1, 1},
                                     {2, 3, 5},
                                     {1, 40, 10},
                                     {7, 33, 17},
                                     {16, 64, 32},
                                     {5, 10, 1},
                                     {64, 512, 256}}) {
      all.push_back(
          {type + "linear " + std::to_string(n) + ", " + std::to_string(in) + " to " + std::to_string(out),
           [=, &device] { testLinear(device, n, in, out, dtype); }});
    }
    for (const Shape& shape : {
             Shape{2, 16, 9, 9, 16, 3, 3, 2, 2},
             Shape{2, 10, 5, 7, 10, 3, 2, 2, 1},
             Shape{1, 1, 6, 6, 1, 3, 3, 2, 2},
             Shape{1, 33, 4, 4, 33, 2, 2, 2, 2},
             Shape{1, 3, 5, 5, 3, 5, 5},
             Shape{2, 10, 1, 1, 10, 1, 1},
             Shape{1, 5, 7, 6, 5, 3, 3, 2, 2, 1, 1},
             Shape{1, 2, 3, 3, 2, 4, 5, 1, 1, 2, 2},
             Shape{1, 4, 8, 8, 4, 2, 2, 3, 3},
             Shape{1, 2, 20, 20, 2, 17, 17, 1, 1, 8, 8},
         }) {
      all.push_back({type + "max pool " + shape.name(), [=, &device] { testMaxPool(device, shape, dtype); }});
      for (const bool countIncludePad : {false, true}) {
        all.push_back({type + "average pool " + shape.name() + (countIncludePad ? ", with padding" : ""),
                       [=, &device] { testAvgPool(device, shape, dtype, countIncludePad); }});
      }
    }
    all.push_back({type + "relu, reluBackward, add", [=, &device] { testElementWise(device, dtype); }});
    all.push_back({type + "reluBackward's edges", [=, &device] { testReluBackwardEdges(device, dtype); }});
    all.push_back({type + "flatten, unflatten", [=, &device] { testFlatten(device, dtype); }});
  }
  all.push_back({"bfloat16 cast", [&device] { testCast(device); }});
  return all;
}

/// Whether oneDNN has a bfloat16 convolution for this CPU.
bool hasBfloat16(OneDnnDevice& device) {
  const auto desc = [](const dnnl::memory::dims& dims) {
    return dnnl::memory::desc(dims, dnnl::memory::data_type::bf16, dnnl::memory::format_tag::nhwc);
  };
  const dnnl::convolution_forward::primitive_desc convolution(
      device.engine(), dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct,
      desc({1, 1, 3, 3}), desc({1, 1, 1, 1}), desc({1, 1, 3, 3}), {1, 1}, {0, 0}, {0, 0},
      dnnl::primitive_attr(), true);
  return static_cast<bool>(convolution);
}

/// Where bfloat16 convolutions cannot work, a case of bfloat16 may end in the error that says so.
std::vector<Case> casesFor(OneDnnDevice& device) {
  std::vector<Case> all = cases(device);
  if (hasBfloat16(device)) return all;
  for (Case& one : all) {
    if (one.name.starts_with("float32")) continue;
    one.body = [body = one.body] {
      try {
        body();
      } catch (const DeviceError& error) {
        check(std::string(error.what()).ends_with("use dtype 'float32'"), error.what());
      }
    };
  }
  return all;
}

}  // namespace
}  // namespace mlpconv::test

int main() {
  mlpconv::OneDnnDevice device({.index = 0, .threads = 2});
  device.attach();
  return mlpconv::test::run(mlpconv::test::casesFor(device));
}
