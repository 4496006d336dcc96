// reluBackward behind what makes its dy, in one kernel.
#pragma once

#include "../core/followedKernel.h"
#include "graph.h"
#include "kernels.h"

namespace mlpconv {

/// What `create(isWithin)` makes, whose output is dx. If `is`, a ReLU's backward is behind it, and that
/// ReLU's y is the last input: within the same graph, or where cuDNN has no engine for that as a kernel of
/// its own. Throws NoEngineError where there is none without it either.
template <typename Create>
std::shared_ptr<Kernel> andReluBackward(CudaDevice& device, bool is, const TensorSpec& dx,
                                        const Create& create) {
  if (!is) return create(false);
  try {
    return create(true);
  } catch (const NoEngineError&) {
    return followedBy(create(false), createReluBackward(device, {"reluBackward", {}, {dx, dx}, {dx}}));
  }
}

}  // namespace mlpconv
