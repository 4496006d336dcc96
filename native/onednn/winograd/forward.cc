// Forward and backward data: each block of tiles is transformed, multiplied by the weights point by point and
// transformed back while it is in the cache.
#include "avx512.h"

#ifdef MLPCONV_WINOGRAD

#include <omp.h>

#include "algorithms.h"
#include "blocking.h"
#include "microkernel.h"
#include "packWeights.h"
#include "tileView.h"
#include "winograd.h"

namespace mlpconv::winograd {
namespace {

/// Rows of a register tile: these, its two columns' weights and a value of data fill the 32 registers.
constexpr int registerRows = 14;

/// Sums go over 16 times as many input channels at a time: that halves the error, for 1 or 2 % of the time.
constexpr int64_t groupsPerSum = 4;

/// The sizes of a kernel's parts, in floats where not said otherwise.
struct Layout {
  Problem problem;
  Tiles tiles;
  PackedWeights weights;
  ForwardBlocking blocking;
  bool relu;

  int64_t groups() const { return weights.inChannels / lanes; }
  // Strides of points, off powers of two as in PackedWeights.
  int64_t dataStride() const { return blocking.tiles * weights.inChannels + 48; }
  int64_t productStride() const { return blocking.tiles * blocking.panels * panelWidth + 48; }
  int64_t dataSize() const { return weights.points * dataStride(); }
  int64_t threadSize() const { return dataSize() + weights.points * productStride(); }
};

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")

/// data[point][16 channels][tile][channel] = B^T x B.
template <typename A>
void transformData(const Layout& layout, const float* x, int64_t firstTile, int64_t tiles, float* data) {
  const Images& images = layout.problem.in;
  const auto viewOf = [&](int64_t tile) {
    return TileView<A::size>(images, layout.tiles, firstTile + tile, layout.problem.padTop,
                             layout.problem.padLeft);
  };
  TileView<A::size> view = viewOf(0);
  for (int64_t tile = 0; tile < tiles; ++tile) {
    const TileView<A::size> next = viewOf(std::min(tile + 1, tiles - 1));
    for (int64_t channel = 0; channel < images.channels; channel += lanes) {
      const Mask mask = channelMask(channel, images.channels);
      float* const to = data + channel * layout.blocking.tiles + tile * lanes;
      transform<Product<A::data>, Product<A::data>>(
          [&](int row, int column) {
            next.prefetch(x, row, column, channel);
            return view.load(x, row, column, channel, mask);
          },
          [&](int row, int column, Vector value) {
            _mm512_store_ps(to + (row * A::size + column) * layout.dataStride(), value);
          });
    }
    view = next;
  }
}

/// products[point][panel][tile][channel] = data * weights, for `panels` panels from `firstPanel` on.
void multiplyPoints(const Layout& layout, const float* data, const float* weights, int64_t tiles,
                    int64_t firstPanel, int64_t panels, float* products) {
  const int64_t capacity = layout.blocking.tiles;
  // Register tiles of equal height.
  const int64_t rows = divideUp(tiles, divideUp(tiles, registerRows));
  for (int64_t point = 0; point < layout.weights.points; ++point) {
    for (int64_t panel = 0; panel < panels; ++panel) {
      const float* const right = weights + point * layout.weights.pointStride() +
                                 (firstPanel + panel) * layout.weights.panelStride();
      for (int64_t tile = 0; tile < tiles; tile += rows) {
        for (int64_t group = 0; group < layout.groups(); group += groupsPerSum) {
          const LeftFactor left = {data + point * layout.dataStride() + (group * capacity + tile) * lanes,
                                   std::min(groupsPerSum, layout.groups() - group), capacity * lanes, lanes};
          multiplyRows<registerRows, panelWidth / lanes, lanes, 1>(
              static_cast<int>(std::min(rows, tiles - tile)), left, right + group * lanes * panelWidth,
              products + point * layout.productStride() + (panel * capacity + tile) * panelWidth, panelWidth,
              group > 0);
        }
      }
    }
  }
}

/// y = A^T products A + bias, perhaps with a ReLU.
template <typename A>
void transformResults(const Layout& layout, const float* products, const float* bias, int64_t firstTile,
                      int64_t tiles, int64_t firstPanel, int64_t panels, float* y) {
  const Images& images = layout.problem.out;
  const int64_t end = std::min(images.channels, (firstPanel + panels) * panelWidth);
  const Vector zero = _mm512_setzero_ps();
  for (int64_t tile = 0; tile < tiles; ++tile) {
    const TileView<A::outputs> view(images, layout.tiles, firstTile + tile, 0, 0);
    for (int64_t channel = firstPanel * panelWidth; channel < end; channel += lanes) {
      const Mask mask = channelMask(channel, images.channels);
      const Vector shift = bias == nullptr ? zero : _mm512_maskz_loadu_ps(mask, bias + channel);
      const float* const from =
          products + ((channel / panelWidth - firstPanel) * layout.blocking.tiles + tile) * panelWidth +
          channel % panelWidth;
      transform<TransposedProduct<A::results>, TransposedProduct<A::results>>(
          [&](int row, int column) {
            return _mm512_load_ps(from + (row * A::size + column) * layout.productStride());
          },
          [&](int row, int column, Vector value) {
            const Vector shifted = _mm512_add_ps(value, shift);
            // In this order a NaN stays one. GCC 12 warns of _mm512_max_ps (its bug 105593).
            const Vector rectified = _mm512_maskz_max_ps(mask, zero, shifted);
            view.store(y, row, column, channel, mask, layout.relu ? rectified : shifted);
          });
    }
  }
}

#pragma GCC pop_options

template <typename A>
class ForwardKernel final : public Kernel {
 public:
  ForwardKernel(const Problem& problem, bool turned, bool relu, int threads)
      : threads_(threads), layout_(makeLayout(problem, relu, threads)) {
    packs_.push_back({1, layout_.weights.bytes(), createPackWeights(problem, turned, threads)});
  }

  size_t workspaceBytes() const override {
    return static_cast<size_t>(threads_ * layout_.threadSize()) * sizeof(float);
  }
  std::vector<Pack> packs() const override { return packs_; }

  void run(const Arguments& arguments) override {
    const auto* const x = static_cast<const float*>(arguments.inputs[0]);
    const auto* const weights = static_cast<const float*>(arguments.inputs[1]);
    const auto* const bias =
        arguments.inputs.size() > 2 ? static_cast<const float*>(arguments.inputs[2]) : nullptr;
    auto* const y = static_cast<float*>(arguments.outputs[0]);
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
      for (int64_t panel = firstPanel; panel < endPanel; panel += blocking.panels) {
        const int64_t panels = std::min(blocking.panels, endPanel - panel);
        multiplyPoints(layout_, data, weights, tiles, panel, panels, products);
        transformResults<A>(layout_, products, bias, firstTile, tiles, panel, panels, y);
      }
    }
  }

 private:
  static Layout makeLayout(const Problem& problem, bool relu, int threads) {
    const Tiles tiles(problem.out, A::outputs);
    const PackedWeights weights(problem, A::points);
    return {problem, tiles, weights, ForwardBlocking(tiles, weights, registerRows, threads), relu};
  }

  int threads_;
  Layout layout_;
  std::vector<Pack> packs_;
};

}  // namespace

std::shared_ptr<Kernel> createForward(const Problem& problem, bool turned, bool relu, int threads) {
  return withAlgorithm(problem.kernel, [&]<typename A>(A) -> std::shared_ptr<Kernel> {
    return std::make_shared<ForwardKernel<A>>(problem, turned, relu, threads);
  });
}

}  // namespace mlpconv::winograd

#endif
