// A kernel of bfloat16 tensors that computes in float32, between casts.
#pragma once

#include "kernels.h"

namespace mlpconv {

std::shared_ptr<Kernel> createCast(CudaDevice& device, const std::vector<int64_t>& shape, DType from,
                                   DType to);

/// What `create` makes of the description with float32 in place of bfloat16.
std::shared_ptr<Kernel> createWidened(
    CudaDevice& device, KernelDescription description,
    std::shared_ptr<Kernel> (*create)(CudaDevice&, const KernelDescription&));

}  // namespace mlpconv
