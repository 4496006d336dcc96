// The kernels of maxPool2d and avgPool2d, which differ in nothing but the algorithm.
#pragma once

#include "../ops/pool2d.h"
#include "device.h"

namespace mlpconv {

/// x -> y, (index).
std::shared_ptr<Kernel> createPool(const OneDnnDevice& device, const Pool2d& pool, dnnl::algorithm algorithm,
                                   bool index);

/// dy, (index) -> dx.
std::shared_ptr<Kernel> createPoolBackward(const OneDnnDevice& device, const Pool2d& pool,
                                           dnnl::algorithm algorithm);

}  // namespace mlpconv
