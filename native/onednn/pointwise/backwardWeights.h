// Backward weights: each task owns a part of the pixels and a range of output and of input channels, and goes
// over its pixels in blocks, which it copies to where a register tile's columns lie side by side. The sums of
// the parts, as many for any number of threads, are added at the end. So no sum depends on that number.
#pragma once

#include <numeric>

#include "../parallel.h"
#include "pointwise.h"

namespace mlpconv::pointwise::MLPCONV_SIMD {

using namespace simd::MLPCONV_SIMD;

/// Input channels of a register tile, and output channels that lie side by side.
constexpr int64_t dataWidth = sideBySideVectors * lanes, gradientWidth = 16;

/// Pixels of a block.
constexpr int64_t blockPixels = 128;

struct WeightsLayout {
  Problem problem;
  bool accumulate;
  /// Parts of the pixels, and the pixels of each, whole blocks.
  int64_t parts, partPixels;
  /// Channels of a task, and the number of such ranges.
  int64_t outRange, inRange, inRanges, ranges;

  WeightsLayout(const Problem& all, bool adds, int threads) : problem(all), accumulate(adds) {
    // A thread with pixels of its own reads what no other one does. But each part's sums are written and read
    // once more, which is to be little of what it reads.
    constexpr int64_t mostParts = 4, leastRatio = 8;
    const int64_t worthwhile = all.pixels * (all.in + all.out) / (leastRatio * all.in * all.out);
    partPixels = roundUp(divideUp(all.pixels, std::clamp<int64_t>(worthwhile, 1, mostParts)), blockPixels);
    parts = divideUp(all.pixels, partPixels);
    // Of the ranges for the threads that remain, those whose largest is the least work: its products, and
    // what it copies.
    const int64_t ways = threads / std::gcd<int64_t>(threads, parts);
    int64_t least = 0;
    for (int64_t outWays = 1; outWays <= ways; ++outWays) {
      if (ways % outWays != 0) continue;
      const int64_t out = roundUp(divideUp(all.out, outWays), gradientWidth);
      const int64_t in = roundUp(divideUp(all.in, ways / outWays), dataWidth);
      const int64_t work = out * in + 8 * (out + in);
      if (outWays > 1 && work >= least) continue;
      least = work;
      outRange = out;
      inRange = in;
    }
    inRanges = divideUp(all.in, inRange);
    ranges = divideUp(all.out, outRange) * inRanges;
  }

  int64_t tasks() const { return parts * ranges; }
  /// Floats of a task's copies.
  int64_t copySize() const { return blockPixels * (dataWidth + outRange); }
  int64_t weights() const { return problem.in * problem.out; }
  /// Floats of a part's sums: where there is one, they are the results.
  int64_t sumSize() const { return parts > 1 ? roundUp(weights() + problem.out, lanes) : 0; }
};

/// Channels [firstOut, endOut) and [firstIn, endIn) of the weights.
struct Ranges {
  int64_t firstOut, endOut, firstIn, endIn;
};

}  // namespace mlpconv::pointwise::MLPCONV_SIMD

MLPCONV_SIMD_BEGIN

namespace mlpconv::pointwise::MLPCONV_SIMD {

/// copy[pixel][channel] of `width` channels from `first` on, of rows of `stride`; channels that do not exist
/// are zero.
inline void copyPanel(const float* from, int64_t stride, int64_t first, int64_t width, int64_t pixels,
                      float* copy) {
  for (int64_t channel = 0; channel < width; channel += lanes) {
    const Mask mask = firstLanes(std::max<int64_t>(0, stride - first - channel));
    for (int64_t pixel = 0; pixel < pixels; ++pixel) {
      store(copy + pixel * width + channel, load(from + pixel * stride + first + channel, mask));
    }
  }
}

/// Adds the columns of a copied block to dbias.
inline void sumColumns(const float* copy, int64_t first, int64_t end, int64_t pixels, bool adds,
                       float* dbias) {
  for (int64_t channel = first; channel < end; channel += lanes) {
    const Mask mask = firstLanes(end - channel);
    const int64_t offset = channel - first;
    const float* const from =
        copy + offset / gradientWidth * gradientWidth * blockPixels + offset % gradientWidth;
    Vector sum = zero();
    for (int64_t pixel = 0; pixel < pixels; ++pixel) sum = add(sum, load(from + pixel * gradientWidth));
    store(dbias + channel, mask, adds ? add(load(dbias + channel, mask), sum) : sum);
  }
}

/// dweight[output channel][input channel] (+)= gradients^T * data, for a block's pixels and a register tile's
/// columns, `vectors` vectors of input channels from `firstIn` on.
template <int vectors>
void multiplyColumns(const float* data, const float* gradients, int64_t pixels, const Ranges& ranges,
                     int64_t firstIn, int64_t in, bool adds, float* dweight) {
  Mask masks[vectors];
  for (int v = 0; v < vectors; ++v) {
    masks[v] = firstLanes(std::max<int64_t>(0, in - firstIn - v * lanes));
  }
  for (int64_t channel = ranges.firstOut; channel < ranges.endOut; channel += sideBySideRows) {
    const int64_t offset = channel - ranges.firstOut;
    const LeftFactor left = {
        gradients + offset / gradientWidth * gradientWidth * blockPixels + offset % gradientWidth, 1, 0,
        pixels};
    const int64_t rows = std::min<int64_t>(sideBySideRows, ranges.endOut - channel);
    multiplyTile<sideBySideRows, vectors, 1, gradientWidth, Source::cache>(
        left, data, [&](int row, int v, Vector sum) {
          if (row >= rows) return;
          float* const to = dweight + (channel + row) * in + firstIn + v * lanes;
          store(to, masks[v], adds ? add(load(to, masks[v]), sum) : sum);
        });
  }
}

/// One task: pixels [begin, end). Adds to the sums, which the first block overwrites unless `adds`. dbias may
/// be null.
inline void multiplyRange(const Problem& problem, const float* x, const float* dy, int64_t begin, int64_t end,
                          const Ranges& ranges, float* data, float* gradients, bool adds, float* dweight,
                          float* dbias) {
  const auto [pixels, in, out] = problem;
  const auto [firstOut, endOut, firstIn, endIn] = ranges;
  for (int64_t first = begin; first < end; first += blockPixels) {
    const int64_t count = std::min(blockPixels, end - first);
    const bool addsBlock = adds || first > begin;
    for (int64_t channel = firstOut; channel < endOut; channel += gradientWidth) {
      copyPanel(dy + first * out, out, channel, gradientWidth, count,
                gradients + (channel - firstOut) * blockPixels);
    }
    if (dbias != nullptr) sumColumns(gradients, firstOut, endOut, count, addsBlock, dbias);
    for (int64_t channel = firstIn; channel < endIn; channel += dataWidth) {
      const int64_t width = std::min(dataWidth, roundUp(endIn - channel, lanes));
      copyPanel(x + first * in, in, channel, width, count, data);
      withVectors(width, [&]<typename Vectors>(Vectors) {
        multiplyColumns<Vectors::value>(data, gradients, count, ranges, channel, in, addsBlock, dweight);
      });
    }
  }
}

/// to = the sums of `count` floats over the parts, which lie `stride` floats apart; or added to what is
/// there.
inline void addParts(const float* sums, int64_t parts, int64_t stride, int64_t count, bool adds, float* to) {
  for (int64_t i = 0; i < count; i += lanes) {
    const Mask mask = firstLanes(count - i);
    Vector sum = load(sums + i, mask);
    for (int64_t part = 1; part < parts; ++part) sum = add(sum, load(sums + part * stride + i, mask));
    store(to + i, mask, adds ? add(load(to + i, mask), sum) : sum);
  }
}

}  // namespace mlpconv::pointwise::MLPCONV_SIMD

MLPCONV_SIMD_END

namespace mlpconv::pointwise::MLPCONV_SIMD {

class BackwardWeightsKernel final : public Kernel {
 public:
  BackwardWeightsKernel(const Problem& problem, bool accumulate, int threads)
      : threads_(threads), layout_(problem, accumulate, threads) {}

  size_t workspaceBytes() const override {
    const int64_t floats = layout_.tasks() * layout_.copySize() + layout_.parts * layout_.sumSize();
    return static_cast<size_t>(floats) * sizeof(float);
  }
  std::string implementation() const override { return std::string("pointwise:") + instructionSetName; }

  void run(const Arguments& arguments) override {
    const auto* const x = input<const float>(arguments, 0);
    const auto* const dy = input<const float>(arguments, 1);
    auto* const dweight = output<float>(arguments, 0);
    auto* const dbias = arguments.outputs.size() > 1 ? output<float>(arguments, 1) : nullptr;
    auto* const copies = static_cast<float*>(arguments.workspace);
    float* const sums = copies + layout_.tasks() * layout_.copySize();
    const auto& [pixels, in, out] = layout_.problem;
    const bool isWhole = layout_.parts == 1;
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (int64_t task = 0; task < layout_.tasks(); ++task) {
      const int64_t part = task / layout_.ranges, range = task % layout_.ranges;
      const int64_t begin = part * layout_.partPixels;
      const int64_t firstOut = range / layout_.inRanges * layout_.outRange;
      const int64_t firstIn = range % layout_.inRanges * layout_.inRange;
      const Ranges ranges = {firstOut, std::min(out, firstOut + layout_.outRange), firstIn,
                             std::min(in, firstIn + layout_.inRange)};
      float* const data = copies + task * layout_.copySize();
      float* const weightSums = isWhole ? dweight : sums + part * layout_.sumSize();
      float* const biasSums = isWhole ? dbias : weightSums + layout_.weights();
      multiplyRange(layout_.problem, x, dy, begin, std::min(pixels, begin + layout_.partPixels), ranges, data,
                    data + blockPixels * dataWidth, isWhole && layout_.accumulate, weightSums,
                    firstIn == 0 && dbias != nullptr ? biasSums : nullptr);
    }
    if (isWhole) return;
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (int64_t row = 0; row < out; ++row) {
      addParts(sums + row * in, layout_.parts, layout_.sumSize(), in, layout_.accumulate, dweight + row * in);
    }
    if (dbias == nullptr) return;
    addParts(sums + layout_.weights(), layout_.parts, layout_.sumSize(), out, layout_.accumulate, dbias);
  }

 private:
  int threads_;
  WeightsLayout layout_;
};

inline std::shared_ptr<Kernel> createBackwardWeights(const Problem& problem, bool accumulate, int threads) {
  return std::make_shared<BackwardWeightsKernel>(problem, accumulate, threads);
}

}  // namespace mlpconv::pointwise::MLPCONV_SIMD
