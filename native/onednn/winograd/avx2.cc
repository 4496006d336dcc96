// The kernels in AVX2.
#include "../simd/target.h"

#ifdef MLPCONV_HAS_SIMD

#include "../simd/avx2.h"
// Before what is made of it.
#include "../simd/microkernel.h"
#include "../simd/transpose.h"
#include "backwardWeights.h"
#include "forward.h"
#include "instructionSets.h"

namespace mlpconv::winograd {

const Kernels avx2Kernels = {avx2::createForward, avx2::createBackwardWeights};

}  // namespace mlpconv::winograd

#endif
