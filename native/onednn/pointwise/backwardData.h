// Backward data: blocks of pixels of dy times panels of weights, in register tiles.
#pragma once

#include "../parallel.h"
#include "pointwise.h"

namespace mlpconv::pointwise::MLPCONV_SIMD {

using namespace simd::MLPCONV_SIMD;

/// Channels of dx that a microkernel computes at a time.
constexpr int64_t panelWidth = 2 * lanes;

/// Sums go over this many channels of dy at a time, so that a panel's weights stay in the cache.
constexpr int64_t mostSteps = 384;

struct DataLayout {
  Problem problem;
  /// Whether a ReLU's backward follows.
  bool relu;
  int64_t panels;
  /// Of a block: a multiple of a register tile's.
  int64_t pixels;
  int64_t blocks;
  /// Parts of the panels that are tasks of their own, where there are few blocks.
  int64_t split;

  DataLayout(const Problem& all, bool gated, int threads)
      : problem(all), relu(gated), panels(divideUp(all.in, panelWidth)) {
    constexpr int64_t cache = (int64_t{64} << 10) / static_cast<int64_t>(sizeof(float));
    const int64_t most = std::max<int64_t>(cache / std::min(all.out, mostSteps), tileRows);
    // As many for each thread.
    blocks = std::min(roundUp(divideUp(all.pixels, most), threads), divideUp(all.pixels, tileRows));
    pixels = roundUp(divideUp(all.pixels, blocks), tileRows);
    blocks = divideUp(all.pixels, pixels);
    split = std::min(panels, divideUp(threads, blocks));
  }
};

/// weights[panel of input channels][output channel][input channel]; input channels that do not exist are
/// zero. Once per step.
inline std::shared_ptr<Kernel> createPackWeights(const Problem& problem, int threads) {
  const int64_t panels = divideUp(problem.in, panelWidth);
  return makeKernel([=](const Arguments& arguments) {
    const float* const weights = input<const float>(arguments, 0);
    float* const packed = output<float>(arguments, 0);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t panel = 0; panel < panels; ++panel) {
      const int64_t first = panel * panelWidth, width = std::min(panelWidth, problem.in - first);
      for (int64_t out = 0; out < problem.out; ++out) {
        float* const to = packed + (panel * problem.out + out) * panelWidth;
        std::copy_n(weights + out * problem.in + first, width, to);
        std::fill_n(to + width, panelWidth - width, 0.0f);
      }
    }
  });
}

}  // namespace mlpconv::pointwise::MLPCONV_SIMD

MLPCONV_SIMD_BEGIN

namespace mlpconv::pointwise::MLPCONV_SIMD {

/// A panel's channels of a block's pixels. Of a whole panel all channels exist.
template <bool isWhole>
void multiplyPanel(const DataLayout& layout, const float* dy, const float* weights, const float* y,
                   int64_t firstPixel, int64_t endPixel, int64_t panel, float* dx) {
  const auto [pixelCount, in, out] = layout.problem;
  const int64_t channel = panel * panelWidth;
  const Mask masks[] = {firstLanes(in - channel), firstLanes(std::max<int64_t>(0, in - channel - lanes))};
  for (int64_t step = 0; step < out; step += mostSteps) {
    const int64_t steps = std::min(mostSteps, out - step);
    const bool isFirst = step == 0, isGated = layout.relu && step + steps == out;
    const float* const right = weights + (panel * out + step) * panelWidth;
    for (int64_t pixel = firstPixel; pixel < endPixel; pixel += tileRows) {
      const LeftFactor left = {dy + pixel * out + step, 1, 0, steps, out};
      const int64_t first = pixel * in + channel;
      const int64_t rows = std::min<int64_t>(tileRows, endPixel - pixel);
      // There by the time that the sums are.
      for (int64_t row = 0; isGated && row < rows; ++row) {
        for (int v = 0; v < 2; ++v) _mm_prefetch(y + first + row * in + v * lanes, _MM_HINT_T0);
      }
      multiplyRows<tileRows, 2, 0, 1, Source::cache>(rows, left, right, [&](int row, int v, Vector sum) {
        const int64_t at = first + row * in + v * lanes;
        const auto read = [&](const float* from) {
          return isWhole ? load(from + at) : load(from + at, masks[v]);
        };
        Vector result = isFirst ? sum : add(sum, read(dx));
        if (isGated) result = whereAboveZero(result, read(y));
        if constexpr (isWhole) {
          store(dx + at, result);
        } else {
          store(dx + at, masks[v], result);
        }
      });
    }
  }
}

}  // namespace mlpconv::pointwise::MLPCONV_SIMD

MLPCONV_SIMD_END

namespace mlpconv::pointwise::MLPCONV_SIMD {

class BackwardDataKernel final : public Kernel {
 public:
  BackwardDataKernel(const Problem& problem, bool relu, int threads)
      : threads_(threads), layout_(problem, relu, threads) {
    const int64_t floats = layout_.panels * problem.out * panelWidth;
    packs_.push_back({1, static_cast<size_t>(floats) * sizeof(float), createPackWeights(problem, threads)});
  }

  std::vector<Pack> packs() const override { return packs_; }
  std::string implementation() const override { return std::string("pointwise:") + instructionSetName; }

  void run(const Arguments& arguments) override {
    const auto* const dy = input<const float>(arguments, 0);
    const auto* const weights = input<const float>(arguments, 1);
    const auto* const y = layout_.relu ? input<const float>(arguments, 2) : nullptr;
    auto* const dx = output<float>(arguments, 0);
    const int64_t panelsPerTask = divideUp(layout_.panels, layout_.split);
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (int64_t task = 0; task < layout_.blocks * layout_.split; ++task) {
      const int64_t firstPixel = task / layout_.split * layout_.pixels;
      const int64_t endPixel = std::min(layout_.problem.pixels, firstPixel + layout_.pixels);
      const int64_t firstPanel = task % layout_.split * panelsPerTask;
      const int64_t endPanel = std::min(layout_.panels, firstPanel + panelsPerTask);
      for (int64_t panel = firstPanel; panel < endPanel; ++panel) {
        const bool isWhole = (panel + 1) * panelWidth <= layout_.problem.in;
        const auto multiply = isWhole ? multiplyPanel<true> : multiplyPanel<false>;
        multiply(layout_, dy, weights, y, firstPixel, endPixel, panel, dx);
      }
    }
  }

 private:
  int threads_;
  DataLayout layout_;
  std::vector<Pack> packs_;
};

inline std::shared_ptr<Kernel> createBackwardData(const Problem& problem, bool relu, int threads) {
  return std::make_shared<BackwardDataKernel>(problem, relu, threads);
}

}  // namespace mlpconv::pointwise::MLPCONV_SIMD
