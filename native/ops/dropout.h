// dropout (Srivastava et al., 2014) by a counter-based generator: whether an element is kept depends on
// nothing but the seed, the use, the sample's number and the element's place, so backward is the same op on
// dy.
#pragma once

#include <cmath>

#include "../core/arguments.h"
#include "../core/check.h"
#include "../core/philox.h"

namespace mlpconv {

struct Dropout {
  DType dtype;
  int64_t samples;
  /// Elements of one sample.
  int64_t elements;
  /// Groups of four elements (the last may have fewer) of one sample, each from one counter of the generator.
  int64_t groups;
  bool counted;
  PhiloxKey key;
  uint32_t use;
  /// A word below it drops its element.
  uint32_t threshold;
  /// What a kept element is multiplied by: 1 / (1 - p), or 0 if p is so near 1 that no word is kept.
  float factor;

  /// Throws OptionError, ShapeError, DTypeError.
  explicit Dropout(const KernelDescription& d) {
    checkCounts(d, {1, 2}, 1);
    const TensorSpec& x = d.inputs[0];
    checkElement(d, "x", x);
    checkShape(d, !x.shape.empty(), "x to have a batch dimension");
    checkTensor(d, "y", d.outputs[0], x);
    counted = d.inputs.size() == 2;
    if (counted) checkTensor(d, "counters", d.inputs[1], {DType::int64, {4}});
    dtype = x.dtype;
    samples = x.shape[0];
    elements = x.elements() / samples;
    groups = (elements + 3) / 4;
    checkShape(d, groups <= INT64_C(1) << 32, "at most 2^34 elements in a sample");

    const double p = d.attributes.number("p");
    checkOption(d, p >= 0 && p <= 1, "p in [0, 1], received " + std::to_string(p));
    const int64_t seed = d.attributes.integer("seed");
    checkOption(d, seed >= 0, "seed in [0, 2^53), received " + std::to_string(seed));
    const int64_t number = d.attributes.integer("use");
    checkOption(d, number >= 0 && number <= UINT32_MAX,
                "use in [0, 2^32), received " + std::to_string(number));
    key = {{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)}};
    use = static_cast<uint32_t>(number);
    const double dropped = std::ceil(p * 0x1p32);
    const bool keeps = dropped < 0x1p32;
    threshold = keeps ? static_cast<uint32_t>(dropped) : UINT32_MAX;
    factor = keeps ? static_cast<float>(1 / (1 - p)) : 0;
  }
};

/// One group of one sample.
template <typename T>
struct DropoutFunctor {
  Dropout op;
  const T* x;
  /// Null: sample 0 is first.
  const int64_t* counters;
  T* y;

  static DropoutFunctor of(const Dropout& op, const Arguments& arguments) {
    return {op, input<const T>(arguments, 0), op.counted ? input<const int64_t>(arguments, 1) : nullptr,
            output<T>(arguments, 0)};
  }

  /// The number of a sample of the batch in the whole run.
  MLPCONV_HOST_DEVICE uint64_t number(int64_t sample) const {
    return static_cast<uint64_t>(counters ? counters[1] : 0) + static_cast<uint64_t>(sample);
  }

  /// The first `size` elements of a group of the sample with that number.
  MLPCONV_HOST_DEVICE void operator()(int64_t sample, uint64_t number, int64_t group, int64_t size) const {
    const int64_t first = sample * op.elements + 4 * group;
    apply(number, group, x + first, y + first, size);
  }

  /// The same of elements that lie elsewhere.
  MLPCONV_HOST_DEVICE void apply(uint64_t number, int64_t group, const T* from, T* to, int64_t size) const {
    const PhiloxCounter random =
        philox4x32({{static_cast<uint32_t>(group), op.use, static_cast<uint32_t>(number),
                     static_cast<uint32_t>(number >> 32)}},
                   op.key);
    const uint32_t threshold = op.threshold;
    const float kept = op.factor;
    for (int64_t j = 0; j < size; ++j) {
      const float factor = random.word[j] >= threshold ? kept : 0;
      to[j] = T(static_cast<float>(from[j]) * factor);
    }
  }
};

}  // namespace mlpconv
