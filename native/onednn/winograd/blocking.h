// How the work is divided: for the caches, and among threads. No result depends on the number of threads.
#pragma once

#include <algorithm>

#include "packWeights.h"

namespace mlpconv::winograd::MLPCONV_SIMD {

// The constants are what was fastest of what was tried on NiN's layers, on Zen 5 with 1 MB of L2 per core and
// on an Intel Xeon with 2 MB.

/// Of forward and backward data: a task transforms a block of tiles, and for as many panels of output
/// channels as a group has at a time multiplies and transforms back.
struct ForwardBlocking {
  int64_t tiles;
  /// Parts of the output channels that are tasks of their own, where there are few tiles.
  int64_t split;

  ForwardBlocking(const Tiles& all, const PackedWeights& weights, int64_t threads) {
    constexpr size_t cache = size_t{1} << 20;
    constexpr int64_t fewestRows = 8;
    const size_t bytesPerTile =
        static_cast<size_t>(weights.points * (weights.inChannels + weights.groupPanels * panelWidth)) *
        sizeof(float);
    // Each block reads all weights; if these are large, larger blocks cost less than that, cached or not.
    const int64_t cached = std::max<int64_t>(static_cast<int64_t>(cache / bytesPerTile) / tileRows, 1);
    const int64_t most = weights.areLarge() ? 72 : std::min<int64_t>(cached * tileRows, 56);
    // Blocks of about the same size, as many for each thread.
    const int64_t blocks =
        std::min(roundUp(divideUp(all.count, most), threads), std::max<int64_t>(all.count / fewestRows, 1));
    tiles = divideUp(all.count, blocks);
    split = std::min(weights.panels, divideUp(threads, blocks));
  }
};

/// Of backward weights: a task goes over all tiles in blocks, for a group of points and a range of output
/// channels, a few of them at a time.
struct WeightsBlocking {
  int64_t tiles;
  int64_t outRange;
  int64_t outChannels;

  WeightsBlocking(const Problem& problem, const Tiles& all, int64_t size, int64_t threads) {
    constexpr int64_t mostTiles = 128, mostChannels = 64;
    tiles = divideUp(all.count, divideUp(all.count, mostTiles));
    // A pair of rows is the largest task, of which there are size / 2.
    outRange = roundUp(divideUp(problem.out.channels, divideUp(threads, size / 2)), groupWidth);
    outChannels = std::min(outRange, mostChannels);
  }
};

}  // namespace mlpconv::winograd::MLPCONV_SIMD
