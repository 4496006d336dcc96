// Backward weights: each task owns a range of output and of input channels and goes over all pixels in
// blocks, which it copies to where a register tile's columns lie side by side. So no sum depends on the
// number of threads.
#pragma once

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
  /// Channels of a task, and the number of such ranges of input channels.
  int64_t outRange, inRange, inRanges;
  int64_t tasks;

  WeightsLayout(const Problem& all, bool adds, int threads) : problem(all), accumulate(adds) {
    // The division whose largest task is the least work: its products, and what it copies.
    int64_t least = 0;
    for (int64_t parts = 1; parts <= threads; ++parts) {
      if (threads % parts != 0) continue;
      const int64_t out = roundUp(divideUp(all.out, parts), gradientWidth);
      const int64_t in = roundUp(divideUp(all.in, threads / parts), dataWidth);
      const int64_t work = out * in + 8 * (out + in);
      if (parts > 1 && work >= least) continue;
      least = work;
      outRange = out;
      inRange = in;
    }
    inRanges = divideUp(all.in, inRange);
    tasks = divideUp(all.out, outRange) * inRanges;
  }

  /// Floats of a thread's copies.
  int64_t threadSize() const { return blockPixels * (inRange + outRange); }
};

}  // namespace mlpconv::pointwise::MLPCONV_SIMD

MLPCONV_SIMD_BEGIN

namespace mlpconv::pointwise::MLPCONV_SIMD {

/// copy[group of channels][pixel][channel] of `channels` channels from `first` on, of rows of `stride`;
/// channels that do not exist are zero.
template <int64_t width>
void copyBlock(const float* from, int64_t stride, int64_t first, int64_t channels, int64_t pixels,
               float* copy) {
  for (int64_t channel = 0; channel < channels; channel += lanes) {
    const Mask mask = firstLanes(std::max<int64_t>(0, stride - first - channel));
    float* const to = copy + channel / width * width * blockPixels + channel % width;
    for (int64_t pixel = 0; pixel < pixels; ++pixel) {
      store(to + pixel * width, load(from + pixel * stride + first + channel, mask));
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
/// columns, of which there are `vectors` vectors.
template <int vectors>
void multiplyColumns(const float* data, const float* gradients, int64_t pixels, int64_t firstOut,
                     int64_t endOut, int64_t firstIn, int64_t in, bool adds, float* dweight) {
  Mask masks[vectors];
  for (int v = 0; v < vectors; ++v) {
    masks[v] = firstLanes(std::max<int64_t>(0, in - firstIn - v * lanes));
  }
  for (int64_t channel = firstOut; channel < endOut; channel += sideBySideRows) {
    const int64_t offset = channel - firstOut;
    const LeftFactor left = {
        gradients + offset / gradientWidth * gradientWidth * blockPixels + offset % gradientWidth, 1, 0,
        pixels};
    const int64_t rows = std::min<int64_t>(sideBySideRows, endOut - channel);
    multiplyTile<sideBySideRows, vectors, 1, gradientWidth>(left, data, [&](int row, int v, Vector sum) {
      if (row >= rows) return;
      float* const to = dweight + (channel + row) * in + firstIn + v * lanes;
      store(to, masks[v], adds ? add(load(to, masks[v]), sum) : sum);
    });
  }
}

/// One task: all pixels for output channels [firstOut, endOut) and input channels [firstIn, endIn).
inline void multiplyRange(const WeightsLayout& layout, const float* x, const float* dy, int64_t firstOut,
                          int64_t endOut, int64_t firstIn, int64_t endIn, float* data, float* gradients,
                          float* dweight, float* dbias) {
  const auto [pixels, in, out] = layout.problem;
  for (int64_t first = 0; first < pixels; first += blockPixels) {
    const int64_t count = std::min(blockPixels, pixels - first);
    const bool adds = layout.accumulate || first > 0;
    copyBlock<dataWidth>(x + first * in, in, firstIn, endIn - firstIn, count, data);
    copyBlock<gradientWidth>(dy + first * out, out, firstOut, endOut - firstOut, count, gradients);
    if (dbias != nullptr) sumColumns(gradients, firstOut, endOut, count, adds, dbias);
    for (int64_t channel = firstIn; channel < endIn; channel += dataWidth) {
      const float* const columns = data + (channel - firstIn) * blockPixels;
      multiplyColumns<sideBySideVectors>(columns, gradients, count, firstOut, endOut, channel, in, adds,
                                         dweight);
    }
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
    return static_cast<size_t>(layout_.tasks * layout_.threadSize()) * sizeof(float);
  }
  std::string implementation() const override { return std::string("pointwise:") + instructionSetName; }

  void run(const Arguments& arguments) override {
    const auto* const x = input<const float>(arguments, 0);
    const auto* const dy = input<const float>(arguments, 1);
    auto* const dweight = output<float>(arguments, 0);
    auto* const dbias = arguments.outputs.size() > 1 ? output<float>(arguments, 1) : nullptr;
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (int64_t task = 0; task < layout_.tasks; ++task) {
      float* const data = static_cast<float*>(arguments.workspace) + task * layout_.threadSize();
      const int64_t firstOut = task / layout_.inRanges * layout_.outRange;
      const int64_t firstIn = task % layout_.inRanges * layout_.inRange;
      multiplyRange(layout_, x, dy, firstOut, std::min(layout_.problem.out, firstOut + layout_.outRange),
                    firstIn, std::min(layout_.problem.in, firstIn + layout_.inRange), data,
                    data + blockPixels * layout_.inRange, dweight, firstIn == 0 ? dbias : nullptr);
    }
  }

 private:
  int threads_;
  WeightsLayout layout_;
};

inline std::shared_ptr<Kernel> createBackwardWeights(const Problem& problem, bool accumulate, int threads) {
  return std::make_shared<BackwardWeightsKernel>(problem, accumulate, threads);
}

}  // namespace mlpconv::pointwise::MLPCONV_SIMD
