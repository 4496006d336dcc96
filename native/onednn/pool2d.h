// The kernels of maxPool2d and avgPool2d, which differ in nothing but the algorithm.
#pragma once

#include "../ops/pool2d.h"
#include "device.h"

namespace mlpconv {

/// x -> y, (index).
std::shared_ptr<Kernel> createPool(const OneDnnDevice& device, const Pool2d& pool, dnnl::algorithm algorithm,
                                   bool index);

/// Of the index that max pooling's kernel makes, which is channels-last as y is: a place in the window, row
/// by row. Undefined if oneDNN has another layout.
dnnl::memory::data_type indexType(const OneDnnDevice& device, const Pool2d& pool);

/// dy, (index), (the ReLU's y) -> dx.
std::shared_ptr<Kernel> createPoolBackward(const OneDnnDevice& device, const Pool2d& pool,
                                           dnnl::algorithm algorithm);

}  // namespace mlpconv
