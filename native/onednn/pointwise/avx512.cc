// The kernels in AVX-512.
#include "../simd/target.h"

#ifdef MLPCONV_HAS_SIMD

#include "../simd/avx512.h"
// Before what is made of it.
#include "../simd/microkernel.h"
#include "backwardData.h"
#include "backwardWeights.h"
#include "instructionSets.h"

namespace mlpconv::pointwise {

const Kernels avx512Kernels = {avx512::createBackwardData, avx512::createBackwardWeights};

}  // namespace mlpconv::pointwise

#endif
