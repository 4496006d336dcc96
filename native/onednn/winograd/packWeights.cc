#include "avx512.h"

#ifdef MLPCONV_WINOGRAD

#include "../parallel.h"
#include "algorithms.h"
#include "packWeights.h"

namespace mlpconv::winograd {
namespace {

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")

/// Where the weight of a tap, an input and an output channel is, in OHWI memory.
struct WeightStrides {
  int64_t in, out, tap;
  /// Of the first tap.
  int64_t first;
};

/// Transforms the weights of 16 input and 16 output channels.
template <typename A>
void packBlock(const Problem& problem, const WeightStrides& strides, const PackedWeights& packed,
               int64_t firstIn, int64_t firstOut, const float* weights, float* to) {
  constexpr int taps = A::kernel * A::kernel;
  alignas(64) float block[taps][lanes][lanes];
  for (int tap = 0; tap < taps; ++tap) {
    for (int in = 0; in < lanes; ++in) {
      for (int out = 0; out < lanes; ++out) {
        const bool exists = firstIn + in < problem.in.channels && firstOut + out < problem.out.channels;
        const int64_t at =
            strides.first + tap * strides.tap + (firstIn + in) * strides.in + (firstOut + out) * strides.out;
        block[tap][in][out] = exists ? weights[at] : 0;
      }
    }
  }
  for (int in = 0; in < lanes; ++in) {
    float* const first = to + firstOut / panelWidth * packed.panelStride() + (firstIn + in) * panelWidth +
                         firstOut % panelWidth;
    transform<Product<A::weights>, Product<A::weights>>(
        [&](int row, int column) { return _mm512_load_ps(block[row * A::kernel + column][in]); },
        [&](int row, int column, Vector value) {
          _mm512_store_ps(first + (row * A::size + column) * packed.pointStride(), value);
        });
  }
}

#pragma GCC pop_options

}  // namespace

std::shared_ptr<Kernel> createPackWeights(const Problem& problem, bool turned, int threads) {
  return withAlgorithm(problem.kernel, [&]<typename A>(A) {
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
        packBlock<A>(problem, strides, packed, i / outBlocks * lanes, i % outBlocks * lanes, weights, to);
      }
    };
    return makeKernel(run);
  });
}

}  // namespace mlpconv::winograd

#endif
