// Winograd convolutions of stride 1 for CPUs with AVX-512 or AVX2: F(4x4, 3x3), F(4x4, 5x5) and F(5x5, 5x5),
// which take 1/4, 1/6 and 1/8 of the direct algorithm's multiplications. All compute in float32: in bfloat16
// images are only stored as it, and weights rounded to it, as elsewhere.
//
// They round more than the direct algorithm, and integers are not exact. Against float64 on Gaussian data the
// relative L2 error and the largest error over the results' RMS stay below `Error`, where the direct
// algorithm has 2e-6 and 2e-5; to a result in bfloat16 its own rounding is added. Seen on up to 64 images and
// 2048 channels: 3x3 1.3e-6 and 1.3e-5, F(4x4, 5x5) 3.7e-6 and 4.2e-5, F(5x5, 5x5) 1.1e-5 and 1.1e-4. What is
// not finite spreads within its tile, and in backward weights to all weights of its channels.
#pragma once

#include "../device.h"
#include "problem.h"

namespace mlpconv::winograd {

struct Error {
  static constexpr double relativeL2 = 2e-5;
  static constexpr double largest = 2e-4;
};

/// What is done to a result before it is written. reluBackward keeps it where a further input, of the
/// result's shape, is above 0; elsewhere it is 0.
enum class Epilogue { none, relu, reluBackward };

/// The kernels, made for one instruction set.
struct Kernels {
  /// x, packed weight, (bias) -> y; with `turned` weights dy, packed weight, (y of the ReLU) -> dx.
  std::shared_ptr<Kernel> (*createForward)(const Problem& problem, bool turned, Epilogue epilogue,
                                           int threads);
  /// x, dy -> dweight, (dbias).
  std::shared_ptr<Kernel> (*createBackwardWeights)(const Problem& problem, bool accumulate, int threads);
};

/// Those for this CPU, for any convolution that isPossible(); null if there are none.
const Kernels* kernels();

/// Whether a kernel can compute it: kernel 3x3 or 5x5, stride 1, padding less than the kernel, float32, or
/// with AVX-512 bfloat16.
bool isPossible(const Conv2d& conv);

/// The conv2d kernels where Winograd is to be used, else null.
std::shared_ptr<Kernel> tryForward(const OneDnnDevice& device, const Conv2d& conv);
std::shared_ptr<Kernel> tryBackwardData(const OneDnnDevice& device, const Conv2d& conv);
std::shared_ptr<Kernel> tryBackwardWeights(const OneDnnDevice& device, const Conv2d& conv);

}  // namespace mlpconv::winograd
