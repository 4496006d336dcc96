// The gradients of biases: sums in a fixed order.
#pragma once

#include <memory>

#include "device.h"

namespace mlpconv {

/// x of `dtype` [rows, columns] -> y float32 [columns], each column's sum, added to what is there if
/// `accumulate`. cuDNN's own reduction adds floats in an order that differs from run to run.
std::shared_ptr<Kernel> createColumnSums(CudaDevice& device, DType dtype, int64_t rows, int64_t columns,
                                         bool accumulate);

}  // namespace mlpconv
