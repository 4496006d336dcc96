// Which algorithm computes which kernel size.
#pragma once

#include <string>

#include "transforms.h"

namespace mlpconv::winograd {

/// Calls `use` with the algorithm for kernels of `kernel` x `kernel`, 3 or 5.
template <typename Use>
auto withAlgorithm(int64_t kernel, const Use& use) {
  return kernel == 3 ? use(Algorithm<4, 3>()) : use(Algorithm<4, 5>());
}

/// As in `winograd_4x5:avx2`.
template <typename A>
std::string implementationName(const char* instructionSet) {
  return "winograd_" + std::to_string(A::outputs) + "x" + std::to_string(A::kernel) + ":" + instructionSet;
}

}  // namespace mlpconv::winograd
