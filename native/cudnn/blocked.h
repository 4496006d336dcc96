// Convolutions that run as ones of blocked tensors.
#pragma once

#include "affine.h"
#include "blocking.h"

namespace mlpconv {

/// Each is null where blocking gains nothing, or cuDNN has no engine for the convolution of blocked tensors.
std::shared_ptr<Kernel> tryBlocked(CudaDevice& device, const Conv2d& conv);
std::shared_ptr<Kernel> tryBlockedBackwardData(CudaDevice& device, const Conv2d& conv);
std::shared_ptr<Kernel> tryBlockedBackwardWeights(CudaDevice& device, const Conv2d& conv);

/// x of type `from` -> its blocked form of type `to`.
std::shared_ptr<Kernel> createBlock(const CudaDevice& device, const Blocks& blocks, DType from, DType to);

/// The blocked form -> x, which it is added to if `accumulate`.
std::shared_ptr<Kernel> createUnblock(const CudaDevice& device, const Blocks& blocks, DType dtype,
                                      bool accumulate);

}  // namespace mlpconv
