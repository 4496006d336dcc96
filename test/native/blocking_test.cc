// Convolutions of blocked tensors compute what those of the tensors themselves do: in integers, to the bit.
#include "../../native/cudnn/blocking.h"

#include <random>

#include "check.h"
#include "sliding_shape.h"

using namespace mlpconv;
using namespace mlpconv::test;

namespace {

using Values = std::vector<float>;

Values integers(size_t count, std::mt19937& random) {
  Values values(count);
  for (float& value : values) value = static_cast<float>(static_cast<int>(random() % 9) - 4);
  return values;
}

size_t count(const std::vector<int64_t>& shape) {
  return static_cast<size_t>(TensorSpec{DType::float32, shape}.elements());
}

/// Calls use(x's, weight's, y's place) for each product of a convolution.
template <typename Use>
void convolve(const Shape& s, const Use& use) {
  for (int64_t n = 0; n < s.n; n++)
    for (int64_t o = 0; o < s.o; o++)
      for (int64_t i = 0; i < s.outH(); i++)
        for (int64_t j = 0; j < s.outW(); j++)
          for (int64_t c = 0; c < s.c; c++)
            for (int64_t k = 0; k < s.kh; k++)
              for (int64_t l = 0; l < s.kw; l++) {
                const int64_t row = i * s.sh + k - s.ph, column = j * s.sw + l - s.pw;
                if (row < 0 || row >= s.h || column < 0 || column >= s.w) continue;
                use(s.xAt(n, c, row, column), s.weightAt(o, c, k, l), s.yAt(n, o, i, j));
              }
}

Shape shapeOf(const Conv2d& conv) {
  const auto& [kernel, stride, padding] = conv.window;
  return {conv.x[0], conv.x[1], conv.x[2], conv.x[3],  conv.weight[0], kernel[0],
          kernel[1], stride[0], stride[1], padding[0], padding[1]};
}

Values block(const Values& x, const Blocks& blocks) {
  check(static_cast<int64_t>(x.size()) == blocks.elements(), "the blocks to have the tensor's size");
  Values y(static_cast<size_t>(blocks.blockedElements()), NAN);
  const BlockFunctor<float, float> functor = {x.data(), y.data(), blocks};
  for (size_t i = 0; i < y.size(); i++) functor(static_cast<int64_t>(i));
  return y;
}

Values unblock(const Values& x, const Blocks& blocks, float before = NAN) {
  check(static_cast<int64_t>(x.size()) == blocks.blockedElements(), "the blocks to have the tensor's size");
  Values y(static_cast<size_t>(blocks.elements()), before);
  const UnblockFunctor<float> functor = {x.data(), y.data(), blocks, before == before};
  for (size_t i = 0; i < y.size(); i++) functor(static_cast<int64_t>(i));
  return y;
}

void compare(const Shape& shape) {
  const KernelDescription description = {"conv2d",
                                         Attributes([&] {
                                           auto attributes = shape.convolution();
                                           attributes["relu"] = false;
                                           return attributes;
                                         }()),
                                         {shape.x(DType::float32), shape.weight(), shape.bias()},
                                         {shape.y(DType::float32)}};
  const Conv2d conv = Conv2d::forward(description);
  const Blocking blocking(conv);
  const Shape inner = shapeOf(blocking.inner);
  check(inner.outH() == shape.outH() && inner.outW() == shape.outW(),
        "the inner convolution to make y's size");
  check(inner.c % 8 == 0 && inner.o % 8 == 0, "channels in multiples of 8");

  std::mt19937 random(7);
  const Values x = integers(count(conv.x), random), weight = integers(count(conv.weight), random),
               dy = integers(count(conv.y), random), bias = integers(count({shape.o}), random);
  const Values blockedX = block(x, blocking.x), blockedWeight = block(weight, blocking.weight),
               blockedDy = block(dy, blocking.y), blockedBias = block(bias, blocking.bias);

  Values y(dy.size()), blockedY(blockedDy.size());
  convolve(shape, [&](size_t a, size_t b, size_t c) { y[c] += x[a] * weight[b]; });
  convolve(inner, [&](size_t a, size_t b, size_t c) { blockedY[c] += blockedX[a] * blockedWeight[b]; });
  for (size_t i = 0; i < y.size(); i++) y[i] += bias[i % bias.size()];
  for (size_t i = 0; i < blockedY.size(); i++) blockedY[i] += blockedBias[i % blockedBias.size()];
  check(unblock(blockedY, blocking.y) == y, "the same y");

  Values dx(x.size()), blockedDx(blockedX.size());
  convolve(shape, [&](size_t a, size_t b, size_t c) { dx[a] += dy[c] * weight[b]; });
  convolve(inner, [&](size_t a, size_t b, size_t c) { blockedDx[a] += blockedDy[c] * blockedWeight[b]; });
  check(unblock(blockedDx, blocking.x) == dx, "the same dx");

  Values dweight(weight.size(), 3), blockedDweight(blockedWeight.size());
  convolve(shape, [&](size_t a, size_t b, size_t c) { dweight[b] += dy[c] * x[a]; });
  convolve(inner, [&](size_t a, size_t b, size_t c) { blockedDweight[b] += blockedDy[c] * blockedX[a]; });
  check(unblock(blockedDweight, blocking.weight, 3) == dweight, "the same dweight, added to what was there");
}

void testShapes() {
  std::mt19937 random(5);
  const auto draw = [&random](int64_t least, int64_t most) {
    return least + static_cast<int64_t>(random() % static_cast<uint64_t>(most - least + 1));
  };
  for (int i = 0; i < 300; i++) {
    const int64_t kh = draw(1, 6), kw = draw(1, 6);
    const Shape shape = {draw(1, 2), draw(1, 9), kh + draw(0, 7), kw + draw(0, 7), draw(1, 9),     kh,
                         kw,         draw(1, 4), draw(1, 4),      draw(0, kh - 1), draw(0, kw - 1)};
    compare(shape);
  }
}

void testStem() {
  const Shape stem = {1, 1, 31, 31, 5, 11, 11, 4, 4};
  compare(stem);
  const Conv2d conv =
      Conv2d::forward({"conv2d",
                       Attributes({{"stride", pairOf(4, 4)},
                                   {"padding", pairOf(0, 0)},
                                   {"precision", std::string("default")},
                                   {"relu", true}}),
                       {{DType::bfloat16, {64, 1, 224, 224}}, {DType::float32, {96, 1, 11, 11}}},
                       {{DType::bfloat16, {64, 96, 54, 54}}}});
  const Blocking blocking(conv);
  check(blocking.changesX() && !blocking.changesY(), "only x to change");
  check(blocking.inner.x == std::vector<int64_t>{64, 16, 56, 56}, "blocks of 4x4 to become 16 channels");
  check(blocking.inner.weight == std::vector<int64_t>{96, 16, 3, 3}, "a window of 3x3");
  check(blocking.inner.relu, "the ReLU to stay");
}

void testUnchanged() {
  const Conv2d conv = Conv2d::forward({"conv2d",
                                       Attributes({{"stride", pairOf(2, 2)},
                                                   {"padding", pairOf(1, 1)},
                                                   {"precision", std::string("default")},
                                                   {"relu", false}}),
                                       {{DType::bfloat16, {2, 16, 9, 9}}, {DType::float32, {24, 16, 3, 3}}},
                                       {{DType::bfloat16, {2, 24, 5, 5}}}});
  const Blocking blocking(conv);
  check(!blocking.changesX() && !blocking.changesY(), "channels that suit to stay");
  check(blocking.inner.weight == conv.weight && blocking.inner.x == conv.x, "the same shapes");
}

}  // namespace

int main() {
  return run(
      {{"random shapes", testShapes}, {"a stem of one channel", testStem}, {"nothing to do", testUnchanged}});
}
