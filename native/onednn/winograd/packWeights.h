// Transformed weights: made once per step, read for each block of tiles.
#pragma once

#include "../../core/backend.h"
#include "problem.h"

namespace mlpconv::winograd {

/// Output channels that a microkernel computes at a time.
constexpr int64_t panelWidth = 32;

/// G weights G^T as [point][panel of output channels][input channel][output channel]; channels that do not
/// exist are zero.
struct PackedWeights {
  int64_t points;
  int64_t panels;
  /// A multiple of 16.
  int64_t inChannels;

  PackedWeights(const Problem& problem, int64_t pointCount)
      : points(pointCount),
        panels(divideUp(problem.out.channels, panelWidth)),
        inChannels(roundUp(problem.in.channels, 16)) {}

  int64_t panelStride() const { return inChannels * panelWidth; }
  /// Not a power of two, so that the points of a weight do not fall into the same set of the cache.
  int64_t pointStride() const { return panels * panelStride() + 80; }
  size_t bytes() const { return static_cast<size_t>(points * pointStride()) * sizeof(float); }
};

/// The kernel that transforms weight [O,C,r,r]: for forward, or turned by 180 degrees and with O and C
/// swapped.
std::shared_ptr<Kernel> createPackWeights(const Problem& problem, bool turned, int threads);

}  // namespace mlpconv::winograd
