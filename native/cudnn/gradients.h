// What the gradients of weights and biases need besides cuDNN: sums in a fixed order, and adding to what is
// there.
#pragma once

#include <memory>

#include "device.h"

namespace mlpconv {

/// x of `dtype` [rows, columns] -> y float32 [columns], each column's sum, added to what is there if
/// `accumulate`. cuDNN's own reduction adds floats in an order that differs from run to run.
std::shared_ptr<Kernel> createColumnSums(CudaDevice& device, DType dtype, int64_t rows, int64_t columns,
                                         bool accumulate);

/// x float32 [elements] -> y, to which it is added.
std::shared_ptr<Kernel> createAccumulate(CudaDevice& device, int64_t elements);

}  // namespace mlpconv
