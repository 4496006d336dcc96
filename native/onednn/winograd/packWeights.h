// Transformed weights: made once per step, read for each block of tiles.
#pragma once

#include <algorithm>

#include "../parallel.h"
#include "algorithms.h"
#include "problem.h"

namespace mlpconv::winograd::MLPCONV_SIMD {

using namespace simd::MLPCONV_SIMD;

/// Output channels that a microkernel computes at a time.
constexpr int64_t panelWidth = 2 * lanes;

/// G weights G^T as [group of panels][point][panel of output channels][input channel][output channel], in the
/// order in which forward reads them; channels that do not exist are zero.
struct PackedWeights {
  int64_t points;
  int64_t panels;
  /// A multiple of groupWidth.
  int64_t inChannels;
  /// Panels of a group; the last one may have fewer.
  int64_t groupPanels;

  PackedWeights(const Problem& problem, int64_t pointCount)
      : points(pointCount),
        panels(divideUp(problem.out.channels, panelWidth)),
        inChannels(roundUp(problem.in.channels, groupWidth)) {
    // A group's products are to be in the cache still when all of its weights have gone through; where these
    // are large anyway, fewer groups cost less.
    groupPanels = std::min(panels, (areLarge() ? 128 : 64) / panelWidth);
  }

  /// Whether they take so much memory that to read them is most of the work.
  bool areLarge() const {
    constexpr int64_t large = int64_t{8} << 20;
    return points * panels * panelStride() * static_cast<int64_t>(sizeof(float)) > large;
  }
  int64_t panelStride() const { return inChannels * panelWidth; }
  /// Of the panel's group. Not a power of two, so that the points of a weight do not fall into the same set
  /// of the cache.
  int64_t pointStride(int64_t panel) const {
    return std::min(groupPanels, panels - panel / groupPanels * groupPanels) * panelStride() + gap;
  }
  /// Of the panel at the first point.
  int64_t offset(int64_t panel) const {
    return panel / groupPanels * points * (groupPanels * panelStride() + gap) +
           panel % groupPanels * panelStride();
  }
  size_t bytes() const {
    return static_cast<size_t>(points * (panels * panelStride() + divideUp(panels, groupPanels) * gap)) *
           sizeof(float);
  }

 private:
  static constexpr int64_t gap = 80;
};

/// Where the weight of a tap, an input and an output channel is, in OHWI memory.
struct WeightStrides {
  int64_t in, out, tap;
  /// Of the first tap.
  int64_t first;
};

}  // namespace mlpconv::winograd::MLPCONV_SIMD

MLPCONV_SIMD_BEGIN

namespace mlpconv::winograd::MLPCONV_SIMD {

/// A tap's weights of `lanes` input and output channels, a vector of output channels for each input channel;
/// what does not exist is zero.
template <typename Element>
void loadTap(const Problem& problem, const WeightStrides& strides, int64_t firstIn, int64_t firstOut,
             const float* tap, Vector (&rows)[lanes]) {
  const int64_t ins = problem.in.channels - firstIn, outs = problem.out.channels - firstOut;
  const bool isTurned = strides.out == 1;
  const int64_t count = isTurned ? ins : outs, stride = isTurned ? strides.in : strides.out;
  const Mask mask = firstLanes(std::max<int64_t>(0, isTurned ? outs : ins));
  const float* const first = tap + firstIn * strides.in + firstOut * strides.out;
  for (int row = 0; row < lanes; ++row) {
    rows[row] = row < count ? roundTo<Element>(load(first + row * stride, mask)) : zero();
  }
  if (!isTurned) transpose(rows);
}

/// Transforms the weights of `lanes` input and output channels.
template <typename A, typename Element>
void packBlock(const Problem& problem, const WeightStrides& strides, const PackedWeights& packed,
               int64_t firstIn, int64_t firstOut, const float* weights, float* to) {
  constexpr int taps = A::kernel * A::kernel;
  Vector block[taps][lanes];
  for (int tap = 0; tap < taps; ++tap) {
    loadTap<Element>(problem, strides, firstIn, firstOut, weights + strides.first + tap * strides.tap,
                     block[tap]);
  }
  const int64_t panel = firstOut / panelWidth, pointStride = packed.pointStride(panel);
  for (int in = 0; in < lanes; ++in) {
    float* const first = to + packed.offset(panel) + (firstIn + in) * panelWidth + firstOut % panelWidth;
    transform<Product<A::weights>, Product<A::weights>>(
        [&](int row, int column) { return block[row * A::kernel + column][in]; },
        [&](int row, int column, Vector value) {
          store(first + (row * A::size + column) * pointStride, value);
        });
  }
}

}  // namespace mlpconv::winograd::MLPCONV_SIMD

MLPCONV_SIMD_END

namespace mlpconv::winograd::MLPCONV_SIMD {

/// The kernel that transforms weight [O,C,r,r]: for forward, or turned by 180 degrees and with O and C
/// swapped.
inline std::shared_ptr<Kernel> createPackWeights(const Problem& problem, bool turned, int threads) {
  return withAlgorithm(problem, [&]<typename A, typename Element>(A, Element) {
    const PackedWeights packed(problem, A::points);
    constexpr int64_t taps = A::kernel * A::kernel;
    const WeightStrides strides = turned
                                      ? WeightStrides{taps * problem.out.channels, 1, -problem.out.channels,
                                                      (taps - 1) * problem.out.channels}
                                      : WeightStrides{1, taps * problem.in.channels, problem.in.channels, 0};
    const int64_t inBlocks = packed.inChannels / lanes, outBlocks = packed.panels * panelWidth / lanes;
    const auto run = [=](const Arguments& arguments) {
      const float* const weights = input<float>(arguments, 0);
      float* const to = output<float>(arguments, 0);
#pragma omp parallel for schedule(static) num_threads(threads)
      for (int64_t i = 0; i < inBlocks * outBlocks; ++i) {
        packBlock<A, Element>(problem, strides, packed, i % inBlocks * lanes, i / inBlocks * lanes, weights,
                              to);
      }
    };
    return makeKernel(run);
  });
}

}  // namespace mlpconv::winograd::MLPCONV_SIMD
