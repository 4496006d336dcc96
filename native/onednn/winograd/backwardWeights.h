// Backward weights: each task owns a group of points' rows and a range of output channels, and goes over all
// tiles in blocks that fit the cache. So no sum depends on the number of threads.
#pragma once

#include <omp.h>

#include "blocking.h"
#include "tileView.h"
#include "winograd.h"

namespace mlpconv::winograd::MLPCONV_SIMD {

/// Input channels of a register tile.
constexpr int64_t registerWidth = sideBySideVectors * lanes;

/// Vectors of channels that dbias is summed of at a time.
constexpr int biasVectors = 4;

struct WeightsLayout {
  Problem problem;
  Tiles tiles;
  int points;
  WeightsBlocking blocking;
  bool accumulate;

  int64_t inChannels() const { return roundUp(problem.in.channels, groupWidth); }
  int64_t outChannels() const { return roundUp(problem.out.channels, groupWidth); }
  // Strides of points, off powers of two.
  int64_t dataStride() const { return blocking.tiles * inChannels() + 48; }
  int64_t gradientStride() const { return blocking.tiles * blocking.outChannels + 48; }
  int64_t productStride() const { return inChannels() * outChannels() + 80; }
  int64_t productSize() const { return points * productStride(); }
  /// Of the data of a pair of rows.
  int64_t dataSize(int size) const { return 2 * size * dataStride(); }
  int64_t threadSize(int size) const { return dataSize(size) + 2 * size * gradientStride(); }
};

/// A range of output channels.
struct Range {
  int64_t begin, end;
};

}  // namespace mlpconv::winograd::MLPCONV_SIMD

MLPCONV_SIMD_BEGIN

namespace mlpconv::winograd::MLPCONV_SIMD {

/// data[row of group][column][panel of input channels][tile][channel]: the group's rows of B^T x B. The last
/// panel may be narrower.
template <typename A, int group, typename Element>
void transformDataRows(const WeightsLayout& layout, const Element* x, int64_t firstTile, int64_t tiles,
                       float* data) {
  const auto& [dtype, in, out, padTop, padLeft, kernel] = layout.problem;
  const auto place = [&](int64_t tile, int64_t channel) {
    const int64_t panel = channel / registerWidth * registerWidth;
    const int64_t width = std::min(registerWidth, layout.inChannels() - panel);
    return data + panel * layout.blocking.tiles + tile * width + (channel - panel);
  };
  transformTiles<A::size, GroupProduct<A::data, group>, Product<A::data>>(
      in, layout.tiles, padTop, padLeft, x, firstTile, tiles, 0, layout.inChannels(), layout.dataStride(),
      place);
}

/// gradients[row of group][column][group of output channels][tile][channel]: the group's rows of A dy A^T.
template <typename A, int group, typename Element>
void transformGradientRows(const WeightsLayout& layout, const Element* dy, int64_t firstTile, int64_t tiles,
                           Range channels, float* gradients) {
  const Images& images = layout.problem.out;
  const auto place = [&](int64_t tile, int64_t channel) {
    return gradients + placeInGroups(layout.blocking.tiles, tile, channel - channels.begin);
  };
  transformTiles<A::outputs, GroupProduct<A::results, group>, Product<A::results>>(
      images, layout.tiles, 0, 0, dy, firstTile, tiles, channels.begin, channels.end, layout.gradientStride(),
      place);
}

/// Adds gradients^T * data to products[output channel][input channel] of one point; the first block of tiles
/// overwrites them.
inline void multiplyPoint(const WeightsLayout& layout, const float* data, const float* gradients,
                          int64_t tiles, Range channels, bool adds, float* products) {
  const int64_t inChannels = layout.inChannels();
  for (int64_t panel = 0; panel < inChannels; panel += registerWidth) {
    const float* const right = data + panel * layout.blocking.tiles;
    for (int64_t channel = channels.begin; channel < channels.end; channel += sideBySideRows) {
      const int64_t offset = channel - channels.begin;
      const LeftFactor left = {gradients + placeInGroups(layout.blocking.tiles, 0, offset), 1, 0, tiles};
      const auto finish = storeTo(products + channel * inChannels + panel, inChannels, adds);
      withVectors(std::min(registerWidth, inChannels - panel), [&]<typename Vectors>(Vectors) {
        multiplyTile<sideBySideRows, Vectors::value, 1, groupWidth, Source::cache>(left, right, finish);
      });
    }
  }
}

/// The products of one group's rows, over all tiles.
template <typename A, int group, typename Element>
void multiplyGroup(const WeightsLayout& layout, const Element* x, const Element* dy, Range range, float* data,
                   float* gradients, float* products) {
  using Rows = GroupProduct<A::data, group>;
  for (int64_t first = 0; first < layout.tiles.count; first += layout.blocking.tiles) {
    const int64_t tiles = std::min(layout.blocking.tiles, layout.tiles.count - first);
    transformDataRows<A, group>(layout, x, first, tiles, data);
    for (int64_t channel = range.begin; channel < range.end; channel += layout.blocking.outChannels) {
      const Range channels = {channel, std::min(range.end, channel + layout.blocking.outChannels)};
      transformGradientRows<A, group>(layout, dy, first, tiles, channels, gradients);
      for (int point = 0; point < Rows::outputs * A::size; ++point) {
        multiplyPoint(layout, data + point * layout.dataStride(), gradients + point * layout.gradientStride(),
                      tiles, channels, first > 0,
                      products + (Rows::first * A::size + point) * layout.productStride());
      }
    }
  }
}

/// dweight[channel] = G^T products G, or added to what is there.
template <typename A>
void transformProducts(const WeightsLayout& layout, const float* products, int64_t outChannel,
                       float* dweight) {
  const int64_t inChannels = layout.problem.in.channels;
  for (int64_t channel = 0; channel < inChannels; channel += lanes) {
    const Mask mask = firstLanes(inChannels - channel);
    const float* const from = products + outChannel * layout.inChannels() + channel;
    float* const to = dweight + outChannel * A::kernel * A::kernel * inChannels + channel;
    transform<TransposedProduct<A::weights>, TransposedProduct<A::weights>>(
        [&](int row, int column) { return load(from + (row * A::size + column) * layout.productStride()); },
        [&](int row, int column, Vector value) {
          float* const at = to + (row * A::kernel + column) * inChannels;
          const Vector before = layout.accumulate ? load(at, mask) : zero();
          store(at, mask, add(before, value));
        });
  }
}

/// dbias of `biasVectors` vectors of channels: the sum of dy over all pixels, in blocks, whose sums are
/// rounded less.
template <typename Element>
void sumChannels(const WeightsLayout& layout, const Element* dy, int64_t channel, float* dbias) {
  constexpr int64_t block = 256;
  const Images& images = layout.problem.out;
  const int64_t pixels = images.count * images.height * images.width;
  Mask masks[biasVectors];
  Vector sums[biasVectors];
  for (int v = 0; v < biasVectors; ++v) {
    masks[v] = firstLanes(std::max<int64_t>(0, images.channels - channel - v * lanes));
    sums[v] = layout.accumulate ? load(dbias + channel + v * lanes, masks[v]) : zero();
  }
  for (int64_t first = 0; first < pixels; first += block) {
    Vector parts[biasVectors] = {};
    for (int64_t pixel = first; pixel < std::min(pixels, first + block); ++pixel) {
      const Element* const from = dy + pixel * images.channels + channel;
      for (int v = 0; v < biasVectors; ++v) parts[v] = add(parts[v], load(from + v * lanes, masks[v]));
    }
    for (int v = 0; v < biasVectors; ++v) sums[v] = add(sums[v], parts[v]);
  }
  for (int v = 0; v < biasVectors; ++v) store(dbias + channel + v * lanes, masks[v], sums[v]);
}

}  // namespace mlpconv::winograd::MLPCONV_SIMD

MLPCONV_SIMD_END

namespace mlpconv::winograd::MLPCONV_SIMD {

template <typename A, typename Element>
class BackwardWeightsKernel final : public Kernel {
 public:
  BackwardWeightsKernel(const Problem& problem, bool accumulate, int threads)
      : threads_(threads), layout_(makeLayout(problem, accumulate, threads)) {}

  size_t workspaceBytes() const override {
    return static_cast<size_t>(layout_.productSize() + threads_ * layout_.threadSize(A::size)) *
           sizeof(float);
  }

  std::string implementation() const override { return implementationName<A>(instructionSetName); }

  void run(const Arguments& arguments) override {
    const auto* const x = input<const Element>(arguments, 0);
    const auto* const dy = input<const Element>(arguments, 1);
    auto* const dweight = output<float>(arguments, 0);
    auto* const dbias = arguments.outputs.size() > 1 ? output<float>(arguments, 1) : nullptr;
    auto* const products = static_cast<float*>(arguments.workspace);
    multiplyGroups(x, dy, products, std::make_integer_sequence<int, groups>());
    const int64_t outChannels = layout_.problem.out.channels;
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (int64_t channel = 0; channel < outChannels; ++channel) {
      transformProducts<A>(layout_, products, channel, dweight);
    }
    if (dbias == nullptr) return;
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (int64_t channel = 0; channel < outChannels; channel += biasVectors * lanes) {
      sumChannels(layout_, dy, channel, dbias);
    }
  }

 private:
  static constexpr int groups = groupsOf(A::size);

  static WeightsLayout makeLayout(const Problem& problem, bool accumulate, int threads) {
    const Tiles tiles(problem.out, A::outputs);
    return {problem, tiles, A::points, WeightsBlocking(problem, tiles, A::size, threads), accumulate};
  }

  template <int... group>
  void multiplyGroups(const Element* x, const Element* dy, float* products,
                      std::integer_sequence<int, group...>) {
    using Task =
        void (*)(const WeightsLayout&, const Element*, const Element*, Range, float*, float*, float*);
    static constexpr Task tasks[] = {multiplyGroup<A, group, Element>...};
    const int64_t ranges = divideUp(layout_.outChannels(), layout_.blocking.outRange);
#pragma omp parallel for schedule(dynamic) num_threads(threads_)
    for (int64_t task = 0; task < groups * ranges; ++task) {
      float* const data =
          products + layout_.productSize() + omp_get_thread_num() * layout_.threadSize(A::size);
      // Pairs, which are the most work, first: groups 1, 2, ..., then the first and the last.
      const int64_t first = task / groups * layout_.blocking.outRange;
      const Range range = {first, std::min(layout_.outChannels(), first + layout_.blocking.outRange)};
      tasks[(task + 1) % groups](layout_, x, dy, range, data, data + layout_.dataSize(A::size), products);
    }
  }

  int threads_;
  WeightsLayout layout_;
};

inline std::shared_ptr<Kernel> createBackwardWeights(const Problem& problem, bool accumulate, int threads) {
  return withAlgorithm(problem, [&]<typename A, typename Element>(A, Element) -> std::shared_ptr<Kernel> {
    return std::make_shared<BackwardWeightsKernel<A, Element>>(problem, accumulate, threads);
  });
}

}  // namespace mlpconv::winograd::MLPCONV_SIMD
