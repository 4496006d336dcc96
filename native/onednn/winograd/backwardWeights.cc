// Backward weights: each task owns a group of points' rows and a range of output channels, and goes over all
// tiles in blocks that fit the cache. So no sum depends on the number of threads.
#include "avx512.h"

#ifdef MLPCONV_WINOGRAD

#include <omp.h>

#include "algorithms.h"
#include "blocking.h"
#include "microkernel.h"
#include "tileView.h"
#include "winograd.h"

namespace mlpconv::winograd {
namespace {

/// A register tile: output channels, and vectors of input channels.
constexpr int registerRows = 8;
constexpr int registerVectors = 3;
constexpr int64_t registerWidth = registerVectors * lanes;

struct Layout {
  Problem problem;
  Tiles tiles;
  int points;
  WeightsBlocking blocking;
  bool accumulate;

  int64_t inChannels() const { return roundUp(problem.in.channels, lanes); }
  int64_t outChannels() const { return roundUp(problem.out.channels, lanes); }
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

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")

/// data[row of group][column][panel of input channels][tile][channel]: the group's rows of B^T x B. The last
/// panel may be narrower.
template <typename A, int group>
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
      const int64_t panel = channel / registerWidth * registerWidth;
      const int64_t width = std::min(registerWidth, layout.inChannels() - panel);
      float* const to = data + panel * layout.blocking.tiles + tile * width + (channel - panel);
      transform<GroupProduct<A::data, group>, Product<A::data>>(
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

/// gradients[row of group][column][16 output channels][tile][channel]: the group's rows of A dy A^T.
template <typename A, int group>
void transformGradients(const Layout& layout, const float* dy, int64_t firstTile, int64_t tiles,
                        Range channels, float* gradients) {
  const Images& images = layout.problem.out;
  const auto viewOf = [&](int64_t tile) {
    return TileView<A::outputs>(images, layout.tiles, firstTile + tile, 0, 0);
  };
  TileView<A::outputs> view = viewOf(0);
  for (int64_t tile = 0; tile < tiles; ++tile) {
    const TileView<A::outputs> next = viewOf(std::min(tile + 1, tiles - 1));
    for (int64_t channel = channels.begin; channel < channels.end; channel += lanes) {
      const Mask mask = channelMask(channel, images.channels);
      float* const to = gradients + (channel - channels.begin) * layout.blocking.tiles + tile * lanes;
      transform<GroupProduct<A::results, group>, Product<A::results>>(
          [&](int row, int column) {
            next.prefetch(dy, row, column, channel);
            return view.load(dy, row, column, channel, mask);
          },
          [&](int row, int column, Vector value) {
            _mm512_store_ps(to + (row * A::size + column) * layout.gradientStride(), value);
          });
    }
    view = next;
  }
}

/// Adds gradients^T * data to products[output channel][input channel] of one point; the first block of tiles
/// overwrites them.
inline void multiplyPoint(const Layout& layout, const float* data, const float* gradients, int64_t tiles,
                          Range channels, bool add, float* products) {
  const int64_t inChannels = layout.inChannels();
  for (int64_t panel = 0; panel < inChannels; panel += registerWidth) {
    const float* const right = data + panel * layout.blocking.tiles;
    for (int64_t channel = channels.begin; channel < channels.end; channel += registerRows) {
      const int64_t offset = channel - channels.begin;
      const LeftFactor left = {gradients + offset / lanes * lanes * layout.blocking.tiles + offset % lanes, 1,
                               0, tiles};
      float* const to = products + channel * inChannels + panel;
      switch (std::min(registerWidth, inChannels - panel) / lanes) {
        case 1:
          multiply<registerRows, 1, 1, lanes>(left, right, to, inChannels, add);
          break;
        case 2:
          multiply<registerRows, 2, 1, lanes>(left, right, to, inChannels, add);
          break;
        default:
          multiply<registerRows, registerVectors, 1, lanes>(left, right, to, inChannels, add);
      }
    }
  }
}

/// The products of one group's rows, over all tiles.
template <typename A, int group>
void multiplyGroup(const Layout& layout, const float* x, const float* dy, Range channels, float* data,
                   float* gradients, float* products) {
  using Rows = GroupProduct<A::data, group>;
  for (int64_t first = 0; first < layout.tiles.count; first += layout.blocking.tiles) {
    const int64_t tiles = std::min(layout.blocking.tiles, layout.tiles.count - first);
    transformData<A, group>(layout, x, first, tiles, data);
    transformGradients<A, group>(layout, dy, first, tiles, channels, gradients);
    for (int point = 0; point < Rows::outputs * A::size; ++point) {
      multiplyPoint(layout, data + point * layout.dataStride(), gradients + point * layout.gradientStride(),
                    tiles, channels, first > 0,
                    products + (Rows::first * A::size + point) * layout.productStride());
    }
  }
}

/// dweight[channel] = G^T products G, or added to what is there.
template <typename A>
void transformProducts(const Layout& layout, const float* products, int64_t outChannel, float* dweight) {
  const int64_t inChannels = layout.problem.in.channels;
  for (int64_t channel = 0; channel < inChannels; channel += lanes) {
    const Mask mask = channelMask(channel, inChannels);
    const float* const from = products + outChannel * layout.inChannels() + channel;
    float* const to = dweight + outChannel * A::kernel * A::kernel * inChannels + channel;
    transform<TransposedProduct<A::weights>, TransposedProduct<A::weights>>(
        [&](int row, int column) {
          return _mm512_load_ps(from + (row * A::size + column) * layout.productStride());
        },
        [&](int row, int column, Vector value) {
          float* const at = to + (row * A::kernel + column) * inChannels;
          const Vector before = layout.accumulate ? _mm512_maskz_loadu_ps(mask, at) : _mm512_setzero_ps();
          _mm512_mask_storeu_ps(at, mask, _mm512_add_ps(before, value));
        });
  }
}

/// dbias of 16 channels: the sum of dy over all pixels, in blocks, whose sums are rounded less.
inline void sumChannels(const Layout& layout, const float* dy, int64_t channel, float* dbias) {
  constexpr int64_t block = 256;
  const Images& images = layout.problem.out;
  const int64_t pixels = images.count * images.height * images.width;
  const Mask mask = channelMask(channel, images.channels);
  Vector sum = layout.accumulate ? _mm512_maskz_loadu_ps(mask, dbias + channel) : _mm512_setzero_ps();
  for (int64_t first = 0; first < pixels; first += block) {
    Vector part = _mm512_setzero_ps();
    for (int64_t pixel = first; pixel < std::min(pixels, first + block); ++pixel) {
      part = _mm512_add_ps(part, _mm512_maskz_loadu_ps(mask, dy + pixel * images.channels + channel));
    }
    sum = _mm512_add_ps(sum, part);
  }
  _mm512_mask_storeu_ps(dbias + channel, mask, sum);
}

#pragma GCC pop_options

template <typename A>
class BackwardWeightsKernel final : public Kernel {
 public:
  BackwardWeightsKernel(const Problem& problem, bool accumulate, int threads)
      : threads_(threads), layout_(makeLayout(problem, accumulate, threads)) {}

  size_t workspaceBytes() const override {
    return static_cast<size_t>(layout_.productSize() + threads_ * layout_.threadSize(A::size)) *
           sizeof(float);
  }

  void run(const Arguments& arguments) override {
    const auto* const x = static_cast<const float*>(arguments.inputs[0]);
    const auto* const dy = static_cast<const float*>(arguments.inputs[1]);
    auto* const dweight = static_cast<float*>(arguments.outputs[0]);
    auto* const dbias = arguments.outputs.size() > 1 ? static_cast<float*>(arguments.outputs[1]) : nullptr;
    auto* const products = static_cast<float*>(arguments.workspace);
    multiplyGroups(x, dy, products, std::make_integer_sequence<int, groups>());
    const int64_t outChannels = layout_.problem.out.channels;
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (int64_t channel = 0; channel < outChannels; ++channel) {
      transformProducts<A>(layout_, products, channel, dweight);
    }
    if (dbias == nullptr) return;
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (int64_t channel = 0; channel < outChannels; channel += lanes) {
      sumChannels(layout_, dy, channel, dbias);
    }
  }

 private:
  static constexpr int groups = groupsOf(A::size);

  static Layout makeLayout(const Problem& problem, bool accumulate, int threads) {
    const Tiles tiles(problem.out, A::outputs);
    return {problem, tiles, A::points, WeightsBlocking(problem, tiles, A::size, threads), accumulate};
  }

  template <int... group>
  void multiplyGroups(const float* x, const float* dy, float* products,
                      std::integer_sequence<int, group...>) {
    using Task = void (*)(const Layout&, const float*, const float*, Range, float*, float*, float*);
    static constexpr Task tasks[] = {multiplyGroup<A, group>...};
    const int64_t parts = divideUp(layout_.outChannels(), layout_.blocking.outChannels);
#pragma omp parallel for schedule(dynamic) num_threads(threads_)
    for (int64_t task = 0; task < groups * parts; ++task) {
      float* const data =
          products + layout_.productSize() + omp_get_thread_num() * layout_.threadSize(A::size);
      // Pairs, which are the most work, first: groups 1, 2, ..., then the first and the last.
      const int64_t first = task / groups * layout_.blocking.outChannels;
      const Range channels = {first, std::min(layout_.outChannels(), first + layout_.blocking.outChannels)};
      tasks[(task + 1) % groups](layout_, x, dy, channels, data, data + layout_.dataSize(A::size), products);
    }
  }

  int threads_;
  Layout layout_;
};

}  // namespace

std::shared_ptr<Kernel> createBackwardWeights(const Problem& problem, bool accumulate, int threads) {
  return withAlgorithm(problem.kernel, [&]<typename A>(A) -> std::shared_ptr<Kernel> {
    return std::make_shared<BackwardWeightsKernel<A>>(problem, accumulate, threads);
  });
}

}  // namespace mlpconv::winograd

#endif
