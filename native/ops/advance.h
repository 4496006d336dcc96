// advance: the counters {step, samples, cursor, 0} go on.
#pragma once

#include "../core/check.h"

namespace mlpconv {

struct Advance {
  int64_t added[3];

  /// Throws OptionError, ShapeError, DTypeError.
  explicit Advance(const KernelDescription& d) {
    checkCounts(d, {1}, 0);
    checkTensor(d, "counters", d.inputs[0], {DType::int64, {4}});
    added[0] = d.attributes.integer("step");
    added[1] = d.attributes.integer("samples");
    added[2] = d.attributes.integer("cursor");
  }
};

/// One counter, i in [0, 3).
struct AdvanceFunctor {
  Advance op;
  int64_t* counters;

  MLPCONV_HOST_DEVICE void operator()(int64_t i) const {
    // Unsigned, since counters that a user set may wrap.
    counters[i] =
        static_cast<int64_t>(static_cast<uint64_t>(counters[i]) + static_cast<uint64_t>(op.added[i]));
  }
};

}  // namespace mlpconv
