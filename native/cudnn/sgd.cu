#include "../ops/sgd.h"
#include "elementwise.h"
#include "group.h"

namespace mlpconv {

/// Lane i % lanes of chunk i / lanes.
struct SgdSquaresFunctor {
  SgdFunctor sgd;
  double* lanes;

  MLPCONV_HOST_DEVICE void operator()(int64_t i) const {
    double sums[1] = {};
    sgd.squares(i / Sgd::lanes, i % Sgd::lanes, sums);
    lanes[i] = sums[0];
  }
};

/// The lanes of one chunk, in the order that the CPU adds them in.
struct SgdChunksFunctor {
  SgdFunctor sgd;
  const double* lanes;

  MLPCONV_HOST_DEVICE void operator()(int64_t chunk) const {
    double sum = 0;
    for (int64_t lane = 0; lane < Sgd::lanes; ++lane) sum += lanes[chunk * Sgd::lanes + lane];
    sgd.workspace[1 + chunk] = sum;
  }
};

/// One thread.
struct SgdClipFunctor {
  SgdFunctor sgd;

  MLPCONV_HOST_DEVICE void operator()(int64_t) const { sgd.clip(); }
};

template <bool hasMomentum>
struct SgdUpdateFunctor {
  SgdFunctor sgd;

  MLPCONV_HOST_DEVICE void operator()(int64_t group) const {
    const int64_t count = sgd.op.parameters;
    Group<float> parameters = Group<float>::load(sgd.parameters, group, count);
    const Group<float> gradients = Group<float>::load(sgd.gradients, group, count);
    Group<float> momentum = {};
    if constexpr (hasMomentum) momentum = Group<float>::load(sgd.momentum, group, count);
    SgdFunctor local = sgd;
    local.parameters = parameters.at;
    local.gradients = gradients.at;
    local.momentum = momentum.at;
    const SgdFunctor::Step step = sgd.step();
    for (int64_t j = 0; j < groupSize; ++j) local.update<hasMomentum>(j, step);
    parameters.store(sgd.parameters, group, count);
    if constexpr (hasMomentum) momentum.store(sgd.momentum, group, count);
  }
};

}  // namespace mlpconv

MLPCONV_KERNEL(sgdSquares, mlpconv::SgdSquaresFunctor)
MLPCONV_KERNEL(sgdChunks, mlpconv::SgdChunksFunctor)
MLPCONV_KERNEL(sgdClip, mlpconv::SgdClipFunctor)
MLPCONV_KERNEL(sgdPlain, mlpconv::SgdUpdateFunctor<false>)
MLPCONV_KERNEL(sgdMomentum, mlpconv::SgdUpdateFunctor<true>)

#if !defined(__CUDACC__) && !defined(MLPCONV_EMULATOR)
namespace mlpconv {

std::shared_ptr<Kernel> createSgd(CudaDevice& device, const KernelDescription& description) {
  const Sgd op(description);
  const bool clips = op.clipGradNorm > 0;
  // The factor and the chunks' sums, then the lanes'.
  const size_t lanes = static_cast<size_t>(op.chunks() * Sgd::lanes);
  const size_t workspaceBytes = clips ? op.workspaceBytes() + lanes * sizeof(double) : 0;
  return makeKernel(
      [&device, op, clips](const Arguments& arguments) {
        const SgdFunctor sgd = SgdFunctor::of(op, arguments);
        if (clips) {
          double* const lanes = sgd.workspace + 1 + op.chunks();
          launch(device, "sgdSquares", SgdSquaresFunctor{sgd, lanes}, op.chunks() * Sgd::lanes);
          launch(device, "sgdChunks", SgdChunksFunctor{sgd, lanes}, op.chunks());
          launch(device, "sgdClip", SgdClipFunctor{sgd}, 1);
        }
        if (op.momentum > 0) {
          launch(device, "sgdMomentum", SgdUpdateFunctor<true>{sgd}, groupCount(op.parameters));
        } else {
          launch(device, "sgdPlain", SgdUpdateFunctor<false>{sgd}, groupCount(op.parameters));
        }
      },
      workspaceBytes);
}

}  // namespace mlpconv
#endif
