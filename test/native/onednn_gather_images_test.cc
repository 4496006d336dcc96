// gatherImages against what Pillow made (test/fixtures/pillow_resize.py), and its choice of images against
// loops.
#include <filesystem>
#include <fstream>

#include "../../native/ops/gatherImages.h"
#include "typed_runner.h"

namespace mlpconv::test {
namespace {

/// An image and what Pillow made of it; rows of interleaved channels.
struct Resized {
  int64_t channels, height, width, outputHeight, outputWidth;
  std::vector<uint8_t> image, output;

  std::string name() const {
    return std::to_string(channels) + " x " + std::to_string(height) + "x" + std::to_string(width) + " to " +
           std::to_string(outputHeight) + "x" + std::to_string(outputWidth);
  }
};

std::vector<Resized> readFixture() {
  const auto path = std::filesystem::path(__FILE__).parent_path() / "../fixtures/pillow-resize.bin";
  std::ifstream file(path, std::ios::binary);
  file.exceptions(std::ios::badbit | std::ios::failbit);
  std::vector<Resized> all;
  while (file.peek() != std::ifstream::traits_type::eof()) {
    const auto bytes = [&](int64_t count) {
      std::vector<uint8_t> values(static_cast<size_t>(count));
      file.read(reinterpret_cast<char*>(values.data()), count);
      return values;
    };
    const auto integer = [&] {
      const std::vector<uint8_t> b = bytes(4);
      return static_cast<int64_t>(b[0] | b[1] << 8 | b[2] << 16 | b[3] << 24);
    };
    Resized one{integer(), integer(), integer(), integer(), integer(), {}, {}};
    one.image = bytes(one.channels * one.height * one.width);
    one.output = bytes(one.channels * one.outputHeight * one.outputWidth);
    all.push_back(std::move(one));
  }
  return all;
}

struct Gather {
  std::vector<Tensor> inputs;
  std::vector<TensorSpec> outputs;
  std::vector<double> mean, std;

  Results run() const { return runTyped("gatherImages", {{"mean", mean}, {"std", std}}, inputs, outputs); }
  void refuse(const std::function<void(Gather&)>& change, const std::string& part, auto error,
              const std::source_location& location = std::source_location::current()) const {
    Gather other = *this;
    change(other);
    checkRefused<decltype(error)>("gatherImages", {{"mean", other.mean}, {"std", other.std}}, other.inputs,
                                  other.outputs, part, location);
  }
};

/// What each byte of each channel becomes, before it becomes a T.
float level(uint8_t value, double mean, double std) {
  return (static_cast<float>(value) / 255.0f - static_cast<float>(mean)) / static_cast<float>(std);
}

/// The fixture's image among others.
Gather gatherOf(const Resized& one, DType dtype) {
  std::vector<uint8_t> images(one.image.size(), 77);
  images.insert(images.end(), one.image.begin(), one.image.end());
  const std::vector<double> mean = {0.286, 0.5, 0.1}, std = {0.353, 1, 0.25};
  const auto used = static_cast<std::ptrdiff_t>(one.channels);
  return {{typed<uint8_t>({2, one.channels, one.height, one.width}, images), typed<int32_t>({5, 6}),
           typed<int32_t>({0, 1}), typed<int64_t>({0, 0, 1, 0})},
          {{dtype, {1, one.channels, one.outputHeight, one.outputWidth}}, {DType::int32, {1}}},
          {mean.begin(), mean.begin() + used},
          {std.begin(), std.begin() + used}};
}

Values expectedOf(const Resized& one, const Gather& gather, DType dtype) {
  Values expected;
  for (size_t i = 0; i < one.output.size(); ++i) {
    const size_t channel = i % static_cast<size_t>(one.channels);
    expected.push_back(level(one.output[i], gather.mean[channel], gather.std[channel]));
  }
  return decode(dtype, encode(dtype, expected));
}

void testPillow(const Resized& one, DType dtype) {
  const Gather gather = gatherOf(one, dtype);
  const Results results = gather.run();
  checkClose(decode(dtype, results.outputs[0]), expectedOf(one, gather, dtype), 0, "x");
  check(valuesOf<int32_t>(results.outputs[1]) == std::vector<int32_t>({6}), "the image's label");
}

/// The functor by itself, one element at a time, as a backend with a thread per element runs it.
void testFunctor(const Resized& one) {
  const Gather gather = gatherOf(one, DType::float32);
  const GatherImages op(
      {"gatherImages",
       Attributes({{"mean", gather.mean}, {"std", gather.std}}),
       {gather.inputs[0].spec, gather.inputs[1].spec, gather.inputs[2].spec, gather.inputs[3].spec},
       gather.outputs});
  const auto images = valuesOf<uint8_t>(gather.inputs[0].bytes);
  const std::vector<int32_t> labels = {5, 6}, order = {0, 1};
  const std::vector<int64_t> counters = {0, 0, 1, 0};
  std::vector<float> x(one.output.size());
  std::vector<int32_t> y(1);
  const auto tables = [](const ResizeAxis& axis) {
    return ResizeTables{axis.taps, axis.first.data(), axis.weights.data()};
  };
  const GatherImagesFunctor<float> functor{
      op.shape,      tables(op.horizontal), tables(op.vertical), op.levels.data(), images.data(),
      labels.data(), order.data(),          counters.data(),     x.data(),         y.data()};
  for (int64_t row = 0; row < one.outputHeight; ++row) {
    for (int64_t column = 0; column < one.outputWidth; ++column) {
      for (int64_t channel = 0; channel < one.channels; ++channel) functor(0, row, column, channel);
    }
  }
  functor.label(0);
  checkClose(toDoubles(x), expectedOf(one, gather, DType::float32), 0, "x");
  check(y[0] == 6, "the image's label");
}

/// Three images of one pixel with the values and labels 10, 20 and 30.
Gather pixels(const std::vector<int32_t>& order, int64_t cursor, int64_t samples) {
  return {{typed<uint8_t>({3, 1, 1, 1}, {10, 20, 30}), typed<int32_t>({10, 20, 30}), typed(order),
           typed<int64_t>({9, 9, cursor, 0})},
          {{DType::float32, {samples, 1, 1, 1}}, {DType::int32, {samples}}},
          {0},
          {1.0 / 255}};
}

void checkGathers(const std::vector<int32_t>& order, int64_t cursor, const std::vector<int32_t>& expected,
                  const std::source_location& location = std::source_location::current()) {
  const Results results = pixels(order, cursor, static_cast<int64_t>(expected.size())).run();
  check(valuesOf<int32_t>(results.outputs[1]) == expected, "other labels", location);
  checkClose(decode(DType::float32, results.outputs[0]), Values(expected.begin(), expected.end()), 1e-6, "x",
             location);
}

void testOrder() {
  constexpr int64_t largest = std::numeric_limits<int64_t>::max();
  constexpr int64_t smallest = std::numeric_limits<int64_t>::min();
  checkGathers({2, 0, 1, 1}, 0, {30, 10, 20, 20});
  checkGathers({2, 0, 1, 1}, 1, {10, 20});
  // Beyond the ends of the order: its first and last entries.
  checkGathers({2, 0, 1}, 2, {20, 20, 20});
  checkGathers({2, 0, 1}, 3, {20, 20});
  checkGathers({2, 0, 1}, largest, {20, 20});
  checkGathers({2, 0, 1}, -1, {30, 30, 10});
  checkGathers({2, 0, 1}, smallest, {30, 30});
  // Entries that are no image: the nearest one.
  checkGathers({-1, 3, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()}, 0,
               {10, 30, 10, 30});
}

void testRefuses() {
  const Gather good = pixels({0, 1, 2}, 0, 2);
  const OptionError option("");
  const ShapeError shape("");
  const DTypeError dtype("");
  good.refuse([](Gather& g) { g.mean.push_back(0); }, "a mean and a std for each of 1 channels", option);
  good.refuse([](Gather& g) { g.std = {0}; }, "stds above 0", option);
  good.refuse([](Gather& g) { g.std = {NAN}; }, "stds above 0", option);
  good.refuse([](Gather& g) { g.mean = {NAN}; }, "finite means", option);
  good.refuse([](Gather& g) { g.inputs[0] = typed<uint8_t>({3}); }, "images to be [n,C,h,w]", shape);
  good.refuse([](Gather& g) { g.inputs[1] = typed<int32_t>({1}); }, "labels to be int32[3]", shape);
  good.refuse([](Gather& g) { g.inputs[2] = typed<int32_t>(std::vector<int32_t>()); }, "at least 1", shape);
  good.refuse([](Gather& g) { g.inputs[3] = typed<int64_t>({1}); }, "counters to be int64[4]", shape);
  good.refuse([](Gather& g) { g.outputs[0].shape = {2, 2, 1, 1}; }, "x to be [N,C,H,W]", shape);
  good.refuse([](Gather& g) { g.outputs[0].shape = {2, 1, 0, 1}; }, "at least 1", shape);
  good.refuse([](Gather& g) { g.outputs[1].shape = {3}; }, "y to be int32[2]", shape);
  good.refuse(
      [](Gather& g) {
        g.inputs[0] = typed<int32_t>({3, 1, 1, 1}, {1, 2, 3});
      },
      "images to be uint8", dtype);
  good.refuse([](Gather& g) { g.outputs[0].dtype = DType::float64; }, "x to be float32 or bfloat16", dtype);
}

}  // namespace
}  // namespace mlpconv::test

int main() {
  using namespace mlpconv::test;
  std::vector<Case> cases = {{"order", testOrder}, {"refuses", testRefuses}};
  const std::vector<Resized> fixture = readFixture();
  cases.push_back({"the fixture", [&] { check(fixture.size() == 13, "13 images"); }});
  for (const Resized& one : fixture) {
    for (const mlpconv::DType dtype : elementTypes) {
      cases.push_back({one.name(), [&one, dtype] { testPillow(one, dtype); }});
    }
    cases.push_back({one.name() + " by element", [&one] { testFunctor(one); }});
  }
  return run(cases);
}
