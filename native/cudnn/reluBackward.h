// reluBackward behind what makes its dy, in one kernel.
#pragma once

#include "../core/followedKernel.h"
#include "graph.h"
#include "kernels.h"

namespace mlpconv {

/// What `create(isWithin)` makes, whose output is dx. If `is`, a ReLU's backward is behind it, and that
/// ReLU's y is the last input: within the same graph, or as a kernel of its own where `mayBeWithin` is false
/// or cuDNN has no engine for both. Throws NoEngineError where there is none without it either.
template <typename Create>
std::shared_ptr<Kernel> andReluBackward(CudaDevice& device, bool is, bool mayBeWithin, const TensorSpec& dx,
                                        const Create& create) {
  if (!is) return create(false);
  if (mayBeWithin) {
    try {
      return create(true);
    } catch (const NoEngineError&) {
      // In two kernels, then.
    }
  }
  return followedBy(create(false), createReluBackward(device, {"reluBackward", {}, {dx, dx}, {dx}}));
}

}  // namespace mlpconv
