// What the descriptors of native/ops refuse, and in which words.
#include "../../native/ops/add.h"
#include "../../native/ops/avgPool2d.h"
#include "../../native/ops/cast.h"
#include "../../native/ops/conv2d.h"
#include "../../native/ops/flatten.h"
#include "../../native/ops/linear.h"
#include "../../native/ops/maxPool2d.h"
#include "../../native/ops/relu.h"
#include "check.h"

namespace mlpconv::test {
namespace {

using AttributeMap = std::map<std::string, Attributes::Value>;
using Sizes = std::vector<int64_t>;
using Numbers = std::vector<double>;

TensorSpec f32(const Sizes& shape) { return {DType::float32, shape}; }
TensorSpec bf16(const Sizes& shape) { return {DType::bfloat16, shape}; }
const TensorSpec opaque = {DType::opaque, {0}};

const AttributeMap convolution = {{"stride", Numbers{2, 1}},
                                  {"padding", Numbers{1, 0}},
                                  {"precision", std::string("highest")},
                                  {"relu", true},
                                  {"accumulate", false}};
const AttributeMap pooling = {{"stride", Numbers{2, 2}},
                              {"padding", Numbers{1, 1}},
                              {"kernelSize", Numbers{3, 2}},
                              {"countIncludePad", true},
                              {"relu", false}};

AttributeMap with(AttributeMap attributes, const std::string& name, const Attributes::Value& value) {
  attributes[name] = value;
  return attributes;
}

KernelDescription describe(const std::string& op, const AttributeMap& attributes,
                           const std::vector<TensorSpec>& inputs, const std::vector<TensorSpec>& outputs) {
  return {op, Attributes(attributes), inputs, outputs};
}

void testConv2d() {
  const auto read = [](const AttributeMap& attributes, const std::vector<TensorSpec>& inputs,
                       const TensorSpec& y) {
    return Conv2d::forward(describe("conv2d", attributes, inputs, {y}));
  };
  const TensorSpec x = bf16({2, 3, 7, 5}), weight = f32({4, 3, 3, 2}), bias = f32({4}),
                   y = bf16({2, 4, 4, 4});
  const Conv2d conv = read(convolution, {x, weight, bias}, y);
  check(conv.dtype == DType::bfloat16 && conv.bias && conv.relu, "bfloat16, bias and ReLU to be read");
  check(conv.window.kernelSize == Sizes{3, 2} && conv.window.stride == Sizes{2, 1}, "the window to be read");
  check(!read(convolution, {x, weight}, y).bias, "the bias to be optional");

  checkThrows<ShapeError>([&] { read(convolution, {x}, y); }, "conv2d: expected 2 or 3 inputs and 1 outputs");
  checkThrows<ShapeError>([&] { read(convolution, {x, weight}, bf16({2, 4, 4, 5})); }, "y's width to be 4");
  checkThrows<ShapeError>([&] { read(convolution, {x, weight}, bf16({2, 4, 3, 4})); }, "y's height to be 4");
  checkThrows<ShapeError>([&] { read(convolution, {x, weight}, bf16({1, 4, 4, 4})); }, "as many samples");
  checkThrows<ShapeError>(
      [&] {
        read(convolution, {x, f32({4, 2, 3, 2})}, y);
      },
      "weight to be [y's channels");
  checkThrows<ShapeError>(
      [&] {
        read(convolution, {x, f32({5, 3, 3, 2})}, y);
      },
      "weight to be [y's channels");
  checkThrows<ShapeError>([&] { read(convolution, {x, f32({4, 3, 3})}, y); }, "of rank 4");
  checkThrows<ShapeError>(
      [&] {
        read(convolution, {x, f32({4, 3, 3, 6})}, y);
      },
      "no larger than the padded input");
  checkThrows<ShapeError>([&] { read(convolution, {bf16({0, 3, 7, 5}), weight}, y); }, "sizes of at least 1");
  checkThrows<ShapeError>([&] { read(convolution, {x, weight, f32({3})}, y); }, "bias to be float32[4]");
  checkThrows<DTypeError>([&] { read(convolution, {x, weight, bf16({4})}, y); }, "bias to be float32[4]");
  checkThrows<DTypeError>([&] { read(convolution, {x, bf16({4, 3, 3, 2})}, y); }, "weight to be float32");
  checkThrows<DTypeError>([&] { read(convolution, {x, weight}, f32({2, 4, 4, 4})); }, "x and y of one type");
  checkThrows<DTypeError>(
      [&] {
        read(convolution, {{DType::int32, {2, 3, 7, 5}}, weight}, y);
      },
      "x to be float32");

  const auto attribute = [&](const std::string& name, const Attributes::Value& value,
                             const std::string& part) {
    checkThrows<OptionError>([&] { read(with(convolution, name, value), {x, weight}, y); }, part);
  };
  attribute("stride", Numbers{0, 1}, "stride to be two integers from 1");
  attribute("stride", Numbers{1}, "stride to be two integers");
  attribute("stride", Numbers{1.5, 1}, "'stride'");
  attribute("padding", Numbers{-1, 0}, "padding to be two integers from 0");
  attribute("padding", Numbers{0, 4294967296.0}, "2^31 - 1");
  attribute("relu", 1.0, "'relu'");
  attribute("precision", std::string("high"),
            "precision to be 'default', 'highest' or 'tfloat32', received 'high'");
  attribute("precision", true, "'precision': expected a string");
  check(conv.precision == Precision::highest, "the precision to be read");
  check(read(with(convolution, "precision", std::string("default")), {x, weight}, y).precision ==
            Precision::standard,
        "the default precision to be read");
  checkThrows<OptionError>([&] { read({}, {x, weight}, y); }, "'precision'");
}

void testGradients() {
  const TensorSpec x = f32({2, 3, 7, 5}), weight = f32({4, 3, 3, 2}), y = f32({2, 4, 4, 4});
  const auto data = [&](const std::vector<TensorSpec>& inputs, const std::vector<TensorSpec>& outputs) {
    return Conv2d::backwardData(describe("conv2dBackwardData", convolution, inputs, outputs));
  };
  const auto weights = [&](const std::vector<TensorSpec>& inputs, const std::vector<TensorSpec>& outputs) {
    return Conv2d::backwardWeights(describe("conv2dBackwardWeights", convolution, inputs, outputs));
  };
  check(data({y, weight, x}, {x}).x == x.shape, "dx's shape to be read");
  check(data({y, weight, x}, {x}).reluBackward, "the ReLU behind it to be read");
  check(!Conv2d::backwardData(
             describe("conv2dBackwardData", with(convolution, "relu", false), {y, weight}, {x}))
             .reluBackward,
        "no ReLU behind it to be read");
  const TensorSpec other = f32({2, 3, 9, 5});
  checkThrows<ShapeError>([&] { data({y, weight, other}, {other}); }, "y's height to be 5");
  checkThrows<ShapeError>([&] { data({y, weight, x}, {x, x}); }, "1 outputs");
  checkThrows<ShapeError>([&] { data({y, weight}, {x}); }, "3 inputs");
  checkThrows<ShapeError>([&] { data({y, weight, y}, {x}); }, "the ReLU's y to be float32[2,3,7,5]");
  checkThrows<DTypeError>(
      [&] {
        data({y, weight, bf16(x.shape)}, {x});
      },
      "the ReLU's y to be float32[2,3,7,5]");
  checkThrows<OptionError>(
      [&] {
        Conv2d::backwardData(describe("conv2dBackwardData", {}, {y, weight}, {x}));
      },
      "'relu'");
  check(weights({x, y}, {weight, f32({4})}).bias, "dbias to be read");
  check(!weights({x, y}, {weight}).bias, "dbias to be optional");
  checkThrows<ShapeError>([&] { weights({x, y}, {weight, f32({3})}); }, "dbias to be float32[4]");
  checkThrows<ShapeError>([&] { weights({x, y}, {}); }, "2 inputs and 1 outputs");
  checkThrows<DTypeError>([&] { weights({x, y}, {bf16({4, 3, 3, 2})}); }, "weight to be float32");
}

void testLinear() {
  const AttributeMap attributes = {
      {"precision", std::string("tfloat32")}, {"relu", false}, {"accumulate", true}};
  const auto read = [&](const std::vector<TensorSpec>& inputs, const TensorSpec& y) {
    return Linear::forward(describe("linear", attributes, inputs, {y}));
  };
  const Linear linear = read({f32({2, 3}), f32({4, 3})}, f32({2, 4}));
  check(linear.weight == Sizes{4, 3}, "weight to be read");
  check(linear.precision == Precision::tfloat32, "the precision to be read");
  checkThrows<ShapeError>([&] { read({f32({2, 3}), f32({3, 4})}, f32({2, 4})); }, "linear: expected weight");
  checkThrows<ShapeError>(
      [&] {
        read({f32({2, 3}), f32({4, 3})}, f32({2, 5}));
      },
      "weight to be [y's channels");
  checkThrows<ShapeError>([&] { read({f32({2, 3, 1, 1}), f32({4, 3})}, f32({2, 4})); }, "rank 2");
  check(Linear::backwardWeights(
            describe("linearBackwardWeights", attributes, {f32({2, 3}), f32({2, 4})}, {f32({4, 3})}))
            .accumulate,
        "accumulate to be read");
  check(Linear::backwardData(
            describe("linearBackwardData", attributes, {f32({2, 4}), f32({4, 3})}, {f32({2, 3})}))
                .y == Sizes{2, 4},
        "dy to be read");
  checkThrows<ShapeError>(
      [&] {
        Linear::backwardData(describe("linearBackwardData", with(attributes, "relu", true),
                                      {f32({2, 4}), f32({4, 3}), f32({3, 2})}, {f32({2, 3})}));
      },
      "the ReLU's y to be float32[2,3]");
}

void testPools() {
  const TensorSpec x = f32({2, 3, 7, 6}), y = f32({2, 3, 4, 4});
  const auto forward = [](const AttributeMap& attributes, const TensorSpec& from,
                          const std::vector<TensorSpec>& to) {
    return MaxPool2d::forward(describe("maxPool2d", attributes, {from}, to));
  };
  check(forward(pooling, x, {y, opaque}).index && !forward(pooling, x, {y}).index,
        "the index to be optional");
  check(forward(pooling, x, {y}).window.kernelSize == Sizes{3, 2}, "the window to be read");
  checkThrows<ShapeError>([&] { forward(pooling, x, {f32({2, 3, 4, 3})}); }, "y's width to be 4");
  checkThrows<ShapeError>([&] { forward(pooling, x, {f32({2, 4, 4, 4})}); }, "as many samples and channels");
  checkThrows<ShapeError>([&] { forward(pooling, f32({6, 42}), {y}); }, "rank 4");
  checkThrows<DTypeError>([&] { forward(pooling, x, {y, y}); }, "index to be opaque");
  checkThrows<DTypeError>([&] { forward(pooling, x, {bf16({2, 3, 4, 4})}); }, "one type");
  checkThrows<OptionError>(
      [&] {
        forward(with(pooling, "padding", Numbers{2, 1}), x, {y});
      },
      "half of kernelSize");
  checkThrows<OptionError>(
      [&] {
        forward(with(pooling, "kernelSize", Numbers{0, 2}), x, {y});
      },
      "kernelSize to be");
  checkThrows<ShapeError>([&] { forward(with(pooling, "kernelSize", Numbers{10, 2}), x, {y}); }, "no larger");

  check(MaxPool2d::backward(describe("maxPool2dBackward", pooling, {y, opaque}, {x})).x == x.shape,
        "dx's shape");
  checkThrows<ShapeError>([&] { MaxPool2d::backward(describe("maxPool2dBackward", pooling, {y}, {x})); },
                          "2 inputs");
  const AttributeMap both = with(pooling, "relu", true);
  check(MaxPool2d::backward(describe("maxPool2dBackward", both, {y, opaque, x}, {x})).reluBackward,
        "the ReLU behind it to be read");
  checkThrows<ShapeError>(
      [&] {
        MaxPool2d::backward(describe("maxPool2dBackward", both, {y, opaque, y}, {x}));
      },
      "the ReLU's y to be float32[2,3,7,6]");

  check(AvgPool2d::forward(describe("avgPool2d", pooling, {x}, {y})).countIncludePad,
        "countIncludePad to be read");
  check(AvgPool2d::backward(describe("avgPool2dBackward", pooling, {y}, {x})).y == y.shape, "dy's shape");
  checkThrows<ShapeError>([&] { AvgPool2d::backward(describe("avgPool2dBackward", pooling, {x}, {y})); },
                          "y's height to be 2");
  check(AvgPool2d::backward(describe("avgPool2dBackward", both, {y, x}, {x})).reluBackward,
        "the ReLU behind it to be read");
  checkThrows<ShapeError>([&] { AvgPool2d::backward(describe("avgPool2dBackward", both, {y}, {x})); },
                          "2 inputs");
  checkThrows<OptionError>(
      [&] { AvgPool2d::forward(describe("avgPool2d", with(pooling, "countIncludePad", 1.0), {x}, {y})); },
      "'countIncludePad'");
}

void testElementWise() {
  const TensorSpec a = f32({2, 3}), other = f32({3, 2}), half = bf16({2, 3});
  check(Relu::forward(describe("relu", {}, {a}, {a})).tensor.shape == a.shape, "x to be read");
  checkThrows<ShapeError>([&] { Relu::forward(describe("relu", {}, {a}, {other})); },
                          "the output to be float32[2,3]");
  checkThrows<DTypeError>([&] { Relu::forward(describe("relu", {}, {a}, {half})); },
                          "relu: expected the output");
  checkThrows<ShapeError>([&] { Relu::backward(describe("reluBackward", {}, {a, other}, {a})); }, "y to be");
  checkThrows<ShapeError>([&] { Relu::backward(describe("reluBackward", {}, {a}, {a})); }, "2 inputs");
  checkThrows<ShapeError>([&] { Add(describe("add", {}, {a, other}, {a})); }, "b to be float32[2,3]");
  checkThrows<DTypeError>(
      [&] {
        Add(describe("add", {}, {opaque, opaque}, {opaque}));
      },
      "a to be float32 or bfloat16");
  check(Cast(describe("cast", {}, {a}, {half})).to.dtype == DType::bfloat16, "the type to be read");
  checkThrows<DTypeError>([&] { Cast(describe("cast", {}, {a}, {a})); }, "another type");
  checkThrows<ShapeError>([&] { Cast(describe("cast", {}, {a}, {bf16({3, 2})})); }, "x's shape");
}

void testFlatten() {
  const TensorSpec x = f32({2, 3, 4, 5}), y = f32({2, 60});
  check(Flatten::forward(describe("flatten", {}, {x}, {y})).x.shape == x.shape, "x to be read");
  check(Flatten::backward(describe("unflatten", {}, {y}, {x})).y.shape == y.shape, "y to be read");
  checkThrows<ShapeError>(
      [&] {
        Flatten::forward(describe("flatten", {}, {x}, {f32({2, 61})}));
      },
      "float32[2,60]");
  checkThrows<ShapeError>(
      [&] {
        Flatten::forward(describe("flatten", {}, {f32({2})}, {f32({2, 1})}));
      },
      "rank 2");
  checkThrows<ShapeError>([&] { Flatten::forward(describe("flatten", {}, {}, {})); }, "1 inputs");
}

}  // namespace
}  // namespace mlpconv::test

int main() {
  using namespace mlpconv::test;
  return run({{"conv2d", testConv2d},
              {"gradients of conv2d", testGradients},
              {"linear", testLinear},
              {"pools", testPools},
              {"relu, add, cast", testElementWise},
              {"flatten", testFlatten}});
}
