// What maxPool2d and avgPool2d have in common on cuDNN.
#pragma once

#include "../ops/pool2d.h"

namespace mlpconv {

/// Whether cuDNN's pooling computes this. In bfloat16 it takes eight channels at once, and with others left
/// over it reads what is not there instead of refusing (seen on an H100 with cuDNN 9.19).
inline bool suitsPooling(const Pool2d& pool) {
  return pool.dtype != DType::bfloat16 || pool.x[1] % 8 == 0;
}

}  // namespace mlpconv
