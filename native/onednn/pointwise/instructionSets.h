// The kernels of each instruction set, whether this CPU has it or not.
#pragma once

#include "pointwise.h"

namespace mlpconv::pointwise {

extern const Kernels avx2Kernels, avx512Kernels;

}  // namespace mlpconv::pointwise
