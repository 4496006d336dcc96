// Which algorithm computes what.
#pragma once

#include <string>

#include "problem.h"
#include "transforms.h"

namespace mlpconv::winograd {

/// As in `winograd_4x5:avx2`.
template <typename A>
std::string implementationName(const char* instructionSet) {
  return "winograd_" + std::to_string(A::outputs) + "x" + std::to_string(A::kernel) + ":" + instructionSet;
}

}  // namespace mlpconv::winograd

namespace mlpconv::winograd::MLPCONV_SIMD {

/// Calls `use` with the algorithm, and with an element of the images' type.
template <typename Use>
auto withAlgorithm(const Problem& problem, const Use& use) {
  const auto with = [&](auto element) {
    if (problem.kernel == 3) return use(Algorithm<4, 3>(), element);
    return chooseOutputs(problem) == 4 ? use(Algorithm<4, 5>(), element) : use(Algorithm<5, 5>(), element);
  };
  if constexpr (hasBfloat16) {
    if (problem.dtype == DType::bfloat16) return with(bfloat16());
  }
  return with(float());
}

}  // namespace mlpconv::winograd::MLPCONV_SIMD
