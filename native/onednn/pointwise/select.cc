#include "../affine.h"
#include "../simd/target.h"
#include "instructionSets.h"

namespace mlpconv::pointwise {
namespace {

bool isChosen(const Affine& affine) { return affine.dtype == DType::float32 && kernels() != nullptr; }

}  // namespace

const Kernels* kernels() {
#ifdef MLPCONV_HAS_SIMD
  switch (simd::instructionSet()) {
    case simd::InstructionSet::avx512:
      return &avx512Kernels;
    case simd::InstructionSet::avx2:
      return &avx2Kernels;
    case simd::InstructionSet::none:
      break;
  }
#endif
  return nullptr;
}

std::shared_ptr<Kernel> tryBackwardData(const OneDnnDevice& device, const Affine& affine) {
  // Alone it is as fast as oneDNN's; a ReLU behind it costs that one a pass of its own.
  if (!isChosen(affine) || !affine.reluBackward) return nullptr;
  return kernels()->createBackwardData(Problem(affine), true, teamSize(device, affine));
}

std::shared_ptr<Kernel> tryBackwardWeights(const OneDnnDevice& device, const Affine& affine) {
  if (!isChosen(affine)) return nullptr;
  return kernels()->createBackwardWeights(Problem(affine), affine.accumulate, teamSize(device, affine));
}

}  // namespace mlpconv::pointwise
