// The kernels of each instruction set, whether this CPU has it or not.
#pragma once

#include "winograd.h"

namespace mlpconv::winograd {

extern const Kernels avx2Kernels, avx512Kernels;

}  // namespace mlpconv::winograd
