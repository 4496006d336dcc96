// The kernels in AVX-512.
#include "../simd/target.h"

#ifdef MLPCONV_HAS_SIMD

#include "../simd/avx512.h"
// Before what is made of it.
#include "../simd/microkernel.h"
#include "../simd/transpose.h"
#include "backwardWeights.h"
#include "forward.h"
#include "instructionSets.h"

namespace mlpconv::winograd {

const Kernels avx512Kernels = {avx512::createForward, avx512::createBackwardWeights};

}  // namespace mlpconv::winograd

#endif
