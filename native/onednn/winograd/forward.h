// Forward and backward data: each block of tiles is transformed, multiplied by the weights point by point and
// transformed back while it is in the cache.
#pragma once

#include <omp.h>

#include "blocking.h"
#include "packWeights.h"
#include "tileView.h"
#include "winograd.h"

namespace mlpconv::winograd::MLPCONV_SIMD {

/// Sums go over 64 input channels at a time: that halves the error, for 1 or 2 % of the time.
constexpr int64_t groupsPerSum = 64 / groupWidth;

/// The sizes of a kernel's parts, in floats where not said otherwise.
struct ForwardLayout {
  Problem problem;
  Tiles tiles;
  PackedWeights weights;
  ForwardBlocking blocking;
  Epilogue epilogue;

  int64_t groups() const { return weights.inChannels / groupWidth; }
  // Strides of points, off powers of two as in PackedWeights.
  int64_t dataStride() const { return blocking.tiles * weights.inChannels + 48; }
  int64_t productStride() const { return blocking.tiles * weights.groupPanels * panelWidth + 48; }
  int64_t dataSize() const { return weights.points * dataStride(); }
  int64_t threadSize() const { return dataSize() + weights.points * productStride(); }
};

}  // namespace mlpconv::winograd::MLPCONV_SIMD

MLPCONV_SIMD_BEGIN

namespace mlpconv::winograd::MLPCONV_SIMD {

/// data[point][group of channels][tile][channel] = B^T x B.
template <typename A, typename Element>
void transformData(const ForwardLayout& layout, const Element* x, int64_t firstTile, int64_t tiles,
                   float* data) {
  using Data = Product<A::data>;
  const auto& [dtype, in, out, padTop, padLeft, kernel] = layout.problem;
  transformTiles<A::size, Data, Data>(in, layout.tiles, padTop, padLeft, x, firstTile, tiles, 0,
                                      layout.weights.inChannels, layout.dataStride(),
                                      [&](int64_t tile, int64_t channel) {
                                        return data + placeInGroups(layout.blocking.tiles, tile, channel);
                                      });
}

/// products[point][panel][tile][channel] = data * weights, for `panels` panels from `firstPanel` on.
inline void multiplyPoints(const ForwardLayout& layout, const float* data, const float* weights,
                           int64_t tiles, int64_t firstPanel, int64_t panels, float* products) {
  const int64_t capacity = layout.blocking.tiles;
  // Register tiles of equal height.
  const int64_t rows = divideUp(tiles, divideUp(tiles, tileRows));
  for (int64_t point = 0; point < layout.weights.points; ++point) {
    for (int64_t panel = 0; panel < panels; ++panel) {
      const float* const right = weights + layout.weights.offset(firstPanel + panel) +
                                 point * layout.weights.pointStride(firstPanel + panel);
      for (int64_t tile = 0; tile < tiles; tile += rows) {
        float* const to = products + point * layout.productStride() + (panel * capacity + tile) * panelWidth;
        for (int64_t group = 0; group < layout.groups(); group += groupsPerSum) {
          const LeftFactor left = {
              data + point * layout.dataStride() + (group * capacity + tile) * groupWidth,
              std::min(groupsPerSum, layout.groups() - group), capacity * groupWidth, groupWidth};
          multiplyRows<tileRows, panelWidth / lanes, groupWidth, 1, Source::stream>(
              std::min(rows, tiles - tile), left, right + group * groupWidth * panelWidth,
              storeTo(to, panelWidth, group > 0));
        }
      }
    }
  }
}

/// `gate` gives the further input of reluBackward.
template <typename Gate>
Vector finish(Epilogue epilogue, Vector result, const Gate& gate) {
  switch (epilogue) {
    case Epilogue::none:
      return result;
    case Epilogue::relu:
      return rectify(result);
    case Epilogue::reluBackward:
      return whereAboveZero(result, gate());
  }
  return result;
}

/// y = A^T products A + bias, and the epilogue.
template <typename A, typename Element>
void transformResults(const ForwardLayout& layout, const float* products, const float* bias,
                      const Element* gate, int64_t firstTile, int64_t tiles, int64_t firstPanel,
                      int64_t panels, Element* y) {
  const Images& images = layout.problem.out;
  const int64_t end = std::min(images.channels, (firstPanel + panels) * panelWidth);
  for (int64_t tile = 0; tile < tiles; ++tile) {
    const TileView<A::outputs> view(images, layout.tiles, firstTile + tile, 0, 0);
    for (int64_t channel = firstPanel * panelWidth; channel < end; channel += lanes) {
      const Mask mask = firstLanes(images.channels - channel);
      const Vector shift = bias == nullptr ? zero() : load(bias + channel, mask);
      const float* const from =
          products + ((channel / panelWidth - firstPanel) * layout.blocking.tiles + tile) * panelWidth +
          channel % panelWidth;
      transform<TransposedProduct<A::results>, TransposedProduct<A::results>>(
          [&](int row, int column) { return load(from + (row * A::size + column) * layout.productStride()); },
          [&](int row, int column, Vector value) {
            const auto gated = [&] { return view.loadPixel(gate, row, column, channel, mask); };
            view.storePixel(y, row, column, channel, mask, finish(layout.epilogue, add(value, shift), gated));
          });
    }
  }
}

}  // namespace mlpconv::winograd::MLPCONV_SIMD

MLPCONV_SIMD_END

namespace mlpconv::winograd::MLPCONV_SIMD {

template <typename A, typename Element>
class ForwardKernel final : public Kernel {
 public:
  ForwardKernel(const Problem& problem, bool turned, Epilogue epilogue, int threads)
      : threads_(threads), layout_(makeLayout(problem, epilogue, threads)) {
    packs_.push_back({1, layout_.weights.bytes(), createPackWeights(problem, turned, threads)});
  }

  size_t workspaceBytes() const override {
    return static_cast<size_t>(threads_ * layout_.threadSize()) * sizeof(float);
  }
  std::vector<Pack> packs() const override { return packs_; }
  std::string implementation() const override { return implementationName<A>(instructionSetName); }

  void run(const Arguments& arguments) override {
    const bool gated = layout_.epilogue == Epilogue::reluBackward;
    const auto* const x = input<const Element>(arguments, 0);
    const auto* const weights = input<const float>(arguments, 1);
    const bool hasBias = !gated && arguments.inputs.size() > 2;
    const auto* const bias = hasBias ? input<const float>(arguments, 2) : nullptr;
    const auto* const gate = gated ? input<const Element>(arguments, 2) : nullptr;
    auto* const y = output<Element>(arguments, 0);
    auto* const workspace = static_cast<float*>(arguments.workspace);
    const ForwardBlocking& blocking = layout_.blocking;
    const int64_t tileBlocks = divideUp(layout_.tiles.count, blocking.tiles);
    const int64_t panelsPerTask = divideUp(layout_.weights.panels, blocking.split);
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (int64_t task = 0; task < tileBlocks * blocking.split; ++task) {
      float* const data = workspace + omp_get_thread_num() * layout_.threadSize();
      float* const products = data + layout_.dataSize();
      const int64_t firstTile = task / blocking.split * blocking.tiles;
      const int64_t tiles = std::min(blocking.tiles, layout_.tiles.count - firstTile);
      const int64_t firstPanel = task % blocking.split * panelsPerTask;
      const int64_t endPanel = std::min(layout_.weights.panels, firstPanel + panelsPerTask);
      transformData<A>(layout_, x, firstTile, tiles, data);
      for (int64_t panel = firstPanel; panel < endPanel; panel += layout_.weights.groupPanels) {
        const int64_t panels = std::min(layout_.weights.groupPanels, endPanel - panel);
        multiplyPoints(layout_, data, weights, tiles, panel, panels, products);
        transformResults<A>(layout_, products, bias, gate, firstTile, tiles, panel, panels, y);
      }
    }
  }

 private:
  static ForwardLayout makeLayout(const Problem& problem, Epilogue epilogue, int threads) {
    const Tiles tiles(problem.out, A::outputs);
    const PackedWeights weights(problem, A::points);
    return {problem, tiles, weights, ForwardBlocking(tiles, weights, threads), epilogue};
  }

  int threads_;
  ForwardLayout layout_;
  std::vector<Pack> packs_;
};

inline std::shared_ptr<Kernel> createForward(const Problem& problem, bool turned, Epilogue epilogue,
                                             int threads) {
  return withAlgorithm(problem, [&]<typename A, typename Element>(A, Element) -> std::shared_ptr<Kernel> {
    return std::make_shared<ForwardKernel<A, Element>>(problem, turned, epilogue, threads);
  });
}

}  // namespace mlpconv::winograd::MLPCONV_SIMD
