// scale, fill, advance and dropout, against loops. All are exact but for the one rounding of each element.
#include "../../native/core/philox.h"
#include "typed_runner.h"

namespace mlpconv::test {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Values as `dtype` has them.
Values rounded(DType dtype, const Values& values) { return decode(dtype, encode(dtype, values)); }

void testScale(DType dtype) {
  for (const int64_t count : {1, 7, 8192, 8193, 20000}) {
    Values values = randomValues(count, 1);
    if (count > 4) values[3] = infinity, values[4] = NAN;
    const Tensor x({dtype, {1, 1, count, 1}}, values);
    const float s = 0.37f;
    Values expected;
    for (const double value : x.values()) expected.push_back(value * s);
    for (const bool inPlace : {false, true}) {
      const Results results = runTyped("scale", {}, {x, typed<float>({s})}, {x.spec}, inPlace);
      checkClose(decode(dtype, results.outputs[0]), rounded(dtype, expected), 0, "y");
    }
  }
}

void testScaleRefuses() {
  const Tensor x = typed<float>({1, 2, 3}), s = typed<float>({2});
  checkRefused<ShapeError>("scale", {}, {x}, {x.spec}, "2 inputs");
  checkRefused<ShapeError>("scale", {}, {x, x}, {x.spec}, "s to be float32[1]");
  checkRefused<ShapeError>("scale", {}, {x, s}, {{DType::float32, {4}}}, "y to be float32[3]");
  checkRefused<DTypeError>("scale", {}, {x, s}, {{DType::bfloat16, {3}}}, "y to be float32[3]");
  checkRefused<DTypeError>("scale", {}, {typed<int32_t>({1}), s}, {{DType::int32, {1}}},
                           "x to be float32 or");
  checkRefused<ShapeError>("scale", {}, {typed<float>({}), s}, {{DType::float32, {0}}}, "at least 1");
}

void testFill() {
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{}, {1}, {3, 5}, {8192 * 2 + 1}}) {
    const TensorSpec y = {DType::float32, shape};
    const Results results = runTyped("fill", {{"value", 0.1}}, {}, {y});
    checkClose(decode(DType::float32, results.outputs[0]), Values(static_cast<size_t>(y.elements()), 0.1f), 0,
               "y");
  }
  checkRefused<DTypeError>("fill", {{"value", 0.1}}, {}, {{DType::bfloat16, {1}}}, "y to be float32[1]");
  OneDnnDevice device({.index = 0, .threads = 1});
  checkThrows<OptionError>([&] { createKernel(device, "fill", {}, {}, {{DType::float32, {1}}}); }, "value");
}

void testAdvance() {
  const AttributeMap attributes = {{"step", 1.0}, {"samples", 64.0}, {"cursor", -3.0}};
  constexpr int64_t largest = std::numeric_limits<int64_t>::max();
  const auto after = [&](const std::vector<int64_t>& counters) {
    return valuesOf<int64_t>(runTyped("advance", attributes, {typed(counters)}, {}).inputs[0]);
  };
  check(after({5, 10, 20, 9}) == std::vector<int64_t>({6, 74, 17, 9}), "the first three counters to go on");
  check(after({largest, 0, 0, 0})[0] == std::numeric_limits<int64_t>::min(), "a counter to wrap");
  checkRefused<ShapeError>("advance", attributes, {typed<int64_t>({1, 2, 3})}, {}, "counters to be int64[4]");
  checkRefused<DTypeError>("advance", attributes, {typed<int32_t>({1, 2, 3, 4})}, {},
                           "counters to be int64[4]");
}

struct DropoutCase {
  std::vector<int64_t> shape;
  double p;
  double seed;
  double use;
  /// Of the batch's first; negative: without counters.
  int64_t firstSample;
};

AttributeMap attributesOf(const DropoutCase& one) {
  return {{"p", one.p}, {"seed", one.seed}, {"use", one.use}};
}

std::vector<Tensor> dropoutInputs(const DropoutCase& one, const Tensor& x) {
  if (one.firstSample < 0) return {x};
  return {x, typed<int64_t>({3, one.firstSample, 4, 0})};
}

/// Word for word what native/ops/README.md says.
Values dropped(const DropoutCase& one, const Values& x) {
  const auto seed = static_cast<uint64_t>(one.seed);
  const PhiloxKey key = {{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)}};
  const auto elements = static_cast<int64_t>(x.size()) / one.shape[0];
  Values y;
  for (int64_t i = 0; i < static_cast<int64_t>(x.size()); ++i) {
    const int64_t e = i % elements;
    const auto s = static_cast<uint64_t>(std::max<int64_t>(one.firstSample, 0) + i / elements);
    const PhiloxCounter words = philox4x32({{static_cast<uint32_t>(e / 4), static_cast<uint32_t>(one.use),
                                             static_cast<uint32_t>(s), static_cast<uint32_t>(s >> 32)}},
                                           key);
    const bool kept = words.word[e % 4] >= one.p * 0x1p32;
    y.push_back(kept ? x[static_cast<size_t>(i)] * static_cast<float>(1 / (1 - one.p)) : 0);
  }
  return y;
}

void testDropout(DType dtype) {
  for (const DropoutCase& one : {
           DropoutCase{{1, 1}, 0.5, 0, 0, -1},
           DropoutCase{{3, 5}, 0.5, 1, 0, 7},
           DropoutCase{{2, 3, 7, 5}, 0.25, 42, 3, (int64_t{1} << 33) + 5},
           DropoutCase{{5, 4, 2, 2}, 0, 1, 1, 0},
           DropoutCase{{2, 1001}, 0.999, 0x1p32 + 5, 1, 100},
           DropoutCase{{2, 4, 50, 50}, 0.5, 0x1p53 - 1, 0xffffffffu, 3},  // more than a chunk
           DropoutCase{{3, 8193}, 1 - 0x1p-31, 9, 0, -1},
           DropoutCase{{3, 100}, 1 - 0x1p-40, 9, 0, 0},  // so near 1 that nothing is kept
           DropoutCase{{3, 100}, 1, 9, 0, 0},
           DropoutCase{{4}, 0.5, 9, 0, 0},
       }) {
    const TensorSpec spec = {dtype, one.shape};
    const Tensor x(spec, randomValues(spec.elements(), 5));
    const Values expected = rounded(dtype, dropped(one, x.values()));
    for (const bool inPlace : {false, true}) {
      const Results results = runTyped("dropout", attributesOf(one), dropoutInputs(one, x), {spec}, inPlace);
      checkClose(decode(dtype, results.outputs[0]), expected, 0, "y");
    }
  }
}

/// The kept share of `count` elements lies within five standard deviations of 1 - p, and dropouts that differ
/// in seed, use or sample agree no more often than by chance.
void testDropoutStatistics() {
  constexpr int64_t count = 200000;
  const Tensor ones({DType::float32, {1, count}}, Values(count, 1));
  const auto kept = [&](const DropoutCase& one) {
    const Results results = runTyped("dropout", attributesOf(one), dropoutInputs(one, ones), {ones.spec});
    std::vector<bool> mask;
    for (const double value : decode(DType::float32, results.outputs[0])) mask.push_back(value != 0);
    return mask;
  };
  const auto checkShare = [&](double share, double probability, const std::string& what) {
    const double deviation = std::sqrt(probability * (1 - probability) / count);
    check(std::abs(share - probability) < 5 * deviation,
          what + " to be near " + std::to_string(probability) + ", received " + std::to_string(share));
  };
  for (const double p : {0.1, 0.5, 0.9}) {
    const DropoutCase one = {{1, count}, p, 7, 0, 0};
    const std::vector<bool> mask = kept(one);
    checkShare(static_cast<double>(std::count(mask.begin(), mask.end(), true)) / count, 1 - p,
               "the kept share");
    DropoutCase otherSeed = one, otherHighSeed = one, otherUse = one, otherSample = one;
    otherSeed.seed = 8;
    otherHighSeed.seed = 7 + 0x1p32;
    otherUse.use = 1;
    otherSample.firstSample = 1;
    for (const DropoutCase& other : {otherSeed, otherHighSeed, otherUse, otherSample}) {
      const std::vector<bool> otherMask = kept(other);
      double agreeing = 0;
      for (size_t i = 0; i < mask.size(); ++i) agreeing += mask[i] == otherMask[i];
      checkShare(agreeing / count, p * p + (1 - p) * (1 - p), "the agreement of two masks");
    }
  }
}

/// A word of exactly p * 2^32 keeps its element, and one just below does not.
void testDropoutThreshold() {
  const uint32_t word = philox4x32({{0, 0, 0, 0}}, {{1, 0}}).word[0];
  const Tensor one = typed<float>({1, 1}, {1});
  for (const auto& [p, kept] : {std::pair{word / 0x1p32, true}, {(word + 0.5) / 0x1p32, false}}) {
    const Results results = runTyped("dropout", attributesOf({{1, 1}, p, 1, 0, -1}), {one}, {one.spec});
    check((valuesOf<float>(results.outputs[0])[0] != 0) == kept, kept ? "to be kept" : "to be dropped");
  }
}

/// A batch is the same as its halves, one after the other.
void testDropoutMicroBatches() {
  const DropoutCase whole = {{4, 3, 5, 5}, 0.5, 3, 2, 10};
  const TensorSpec spec = {DType::float32, whole.shape};
  const Tensor x(spec, randomValues(spec.elements(), 5));
  const Values expected = decode(
      DType::float32, runTyped("dropout", attributesOf(whole), dropoutInputs(whole, x), {spec}).outputs[0]);
  Values joined;
  const Values values = x.values();
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  for (const int64_t half : {0, 1}) {
    DropoutCase part = whole;
    part.shape[0] = 2;
    part.firstSample = 10 + 2 * half;
    const Tensor piece({DType::float32, part.shape},
                       half == 0 ? Values(values.begin(), middle) : Values(middle, values.end()));
    const Results results = runTyped("dropout", attributesOf(part), dropoutInputs(part, piece), {piece.spec});
    for (const double value : decode(DType::float32, results.outputs[0])) joined.push_back(value);
  }
  checkClose(joined, expected, 0, "the halves");
}

void testDropoutRefuses() {
  const Tensor x = typed<float>({2, 2}, {1, 2, 3, 4});
  const auto refused = [&](const DropoutCase& one, const std::string& part) {
    checkRefused<OptionError>("dropout", attributesOf(one), {x}, {x.spec}, part);
  };
  refused({{2, 2}, -0.1, 0, 0, -1}, "p in [0, 1]");
  refused({{2, 2}, 1.1, 0, 0, -1}, "p in [0, 1]");
  refused({{2, 2}, NAN, 0, 0, -1}, "p in [0, 1]");
  refused({{2, 2}, 0.5, -1, 0, -1}, "seed in [0, 2^53)");
  refused({{2, 2}, 0.5, 0, 0x1p32, -1}, "use in [0, 2^32)");
  const AttributeMap attributes = attributesOf({{2, 2}, 0.5, 0, 0, -1});
  checkRefused<ShapeError>("dropout", attributes, {x, typed<int64_t>({1})}, {x.spec},
                           "counters to be int64[4]");
  checkRefused<ShapeError>("dropout", attributes, {typed<float>({}, {1})}, {{DType::float32, {}}}, "batch");
  checkRefused<ShapeError>("dropout", attributes, {x}, {}, "1 outputs");
}

}  // namespace
}  // namespace mlpconv::test

int main() {
  using namespace mlpconv::test;
  std::vector<Case> cases;
  for (const mlpconv::DType dtype : elementTypes) {
    const std::string type = dtype == mlpconv::DType::float32 ? "float32 " : "bfloat16 ";
    cases.push_back({type + "scale", [=] { testScale(dtype); }});
    cases.push_back({type + "dropout", [=] { testDropout(dtype); }});
  }
  cases.push_back({"scale refuses", testScaleRefuses});
  cases.push_back({"fill", testFill});
  cases.push_back({"advance", testAdvance});
  cases.push_back({"dropout's statistics", testDropoutStatistics});
  cases.push_back({"dropout's threshold", testDropoutThreshold});
  cases.push_back({"dropout by micro-batches", testDropoutMicroBatches});
  cases.push_back({"dropout refuses", testDropoutRefuses});
  return run(cases);
}
