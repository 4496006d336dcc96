// The kernels in AVX2.
#include "../simd/target.h"

#ifdef MLPCONV_HAS_SIMD

#include "../simd/avx2.h"
// Before what is made of it.
#include "../simd/microkernel.h"
#include "backwardData.h"
#include "backwardWeights.h"
#include "instructionSets.h"

namespace mlpconv::pointwise {

const Kernels avx2Kernels = {avx2::createBackwardData, avx2::createBackwardWeights};

}  // namespace mlpconv::pointwise

#endif
