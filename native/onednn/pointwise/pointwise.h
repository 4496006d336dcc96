// Gradients of 1x1 convolutions of stride 1 and of dense layers in float32, for CPUs with AVX-512 or AVX2:
// both are the product of a matrix of pixels and one of weights. The sums are those of the direct algorithm:
// integers are exact. Forward is oneDNN's, which is as fast.
#pragma once

#include "../../ops/affine.h"
#include "../device.h"

namespace mlpconv::pointwise {

/// x [pixels][in], y [pixels][out], weight [out][in].
struct Problem {
  int64_t pixels, in, out;

  explicit Problem(const Affine& affine)
      : Problem(affine.xSpec().elements() / affine.weight[1], affine.weight[1], affine.weight[0]) {}
  Problem(int64_t pixelCount, int64_t inChannels, int64_t outChannels)
      : pixels(pixelCount), in(inChannels), out(outChannels) {}
};

/// The kernels, made for one instruction set.
struct Kernels {
  /// dy, packed weight -> dx; with a ReLU in front of x, which is its output, dy, packed weight, x -> dx, 0
  /// where x is not above 0.
  std::shared_ptr<Kernel> (*createBackwardData)(const Problem& problem, bool relu, int threads);
  /// x, dy -> dweight, (dbias).
  std::shared_ptr<Kernel> (*createBackwardWeights)(const Problem& problem, bool accumulate, int threads);
};

/// Those for this CPU; null if there are none.
const Kernels* kernels();

/// The kernels of a 1x1 convolution of stride 1 without padding, or of a dense layer, where they are faster
/// than oneDNN's, else null.
std::shared_ptr<Kernel> tryBackwardData(const OneDnnDevice& device, const Affine& affine);
std::shared_ptr<Kernel> tryBackwardWeights(const OneDnnDevice& device, const Affine& affine);

}  // namespace mlpconv::pointwise
