#include "../affine.h"
#include "../simd/target.h"
#include "instructionSets.h"

namespace mlpconv::pointwise {
namespace {

bool isChosen(const Affine& affine) { return affine.dtype == DType::float32 && kernels() != nullptr; }

}  // namespace

const Kernels* kernels() {
#ifdef MLPCONV_HAS_SIMD
  return simd::chooseKernels(avx2Kernels, avx512Kernels);
#else
  return nullptr;
#endif
}

std::shared_ptr<Kernel> tryBackwardData(const OneDnnDevice& device, const Affine& affine) {
  if (!isChosen(affine)) return nullptr;
  const Problem problem(affine);
  // oneDNN's convolution is as fast, if no ReLU behind it costs a pass of its own. Its dense layer is not on
  // AVX2: from 1024 rows on both gradients together take .3 to .85 of the time with this; on 64 rows up
  // to 1.4 times.
  constexpr int64_t fewestRows = 1024;
  const bool isSlow = affine.x.size() == 2 && problem.pixels >= fewestRows;
  if (!isSlow && !affine.reluBackward) return nullptr;
  return kernels()->createBackwardData(problem, affine.reluBackward, teamSize(device, affine));
}

std::shared_ptr<Kernel> tryBackwardWeights(const OneDnnDevice& device, const Affine& affine) {
  if (!isChosen(affine)) return nullptr;
  return kernels()->createBackwardWeights(Problem(affine), affine.accumulate, teamSize(device, affine));
}

}  // namespace mlpconv::pointwise
