// linear, linearBackwardData, linearBackwardWeights: a dense layer and its gradients.
#pragma once

#include "affine.h"

namespace mlpconv {

/// x [N,I], weight [O,I], y [N,O].
struct Linear : Affine {
  static Linear forward(const KernelDescription& d) { return {Affine::forward(d, 2)}; }
  static Linear backwardData(const KernelDescription& d) { return {Affine::backwardData(d, 2)}; }
  static Linear backwardWeights(const KernelDescription& d) { return {Affine::backwardWeights(d, 2)}; }
};

}  // namespace mlpconv
