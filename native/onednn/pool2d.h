// The primitive descriptors of maxPool2d and avgPool2d.
#pragma once

#include "../ops/pool2d.h"
#include "primitive.h"

namespace mlpconv {

/// `training` makes an index for backward, where the algorithm has one.
dnnl::pooling_forward::primitive_desc poolForward(const OneDnnDevice& device, const Pool2d& pool,
                                                  dnnl::algorithm algorithm, bool training);

dnnl::pooling_backward::primitive_desc poolBackward(const OneDnnDevice& device, const Pool2d& pool,
                                                    dnnl::algorithm algorithm);

}  // namespace mlpconv
