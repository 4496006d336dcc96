// All ops. Each backend has a kernel for each: one that lacks one does not link.
#pragma once

#include <string>
#include <vector>

/// Calls X(name, Name) for each op, whose kernel createName makes.
#define MLPCONV_OPS(X)                            \
  X(conv2d, Conv2d)                               \
  X(conv2dBackwardData, Conv2dBackwardData)       \
  X(conv2dBackwardWeights, Conv2dBackwardWeights) \
  X(linear, Linear)                               \
  X(linearBackwardData, LinearBackwardData)       \
  X(linearBackwardWeights, LinearBackwardWeights) \
  X(maxPool2d, MaxPool2d)                         \
  X(maxPool2dBackward, MaxPool2dBackward)         \
  X(avgPool2d, AvgPool2d)                         \
  X(avgPool2dBackward, AvgPool2dBackward)         \
  X(relu, Relu)                                   \
  X(reluBackward, ReluBackward)                   \
  X(add, Add)                                     \
  X(scale, Scale)                                 \
  X(cast, Cast)                                   \
  X(fill, Fill)                                   \
  X(flatten, Flatten)                             \
  X(unflatten, Unflatten)                         \
  X(dropout, Dropout)                             \
  X(softmaxCrossEntropy, SoftmaxCrossEntropy)     \
  X(accumulateMetrics, AccumulateMetrics)         \
  X(gatherImages, GatherImages)                   \
  X(advance, Advance)                             \
  X(sgd, Sgd)

namespace mlpconv {

inline std::vector<std::string> opNames() {
#define MLPCONV_NAME(name, Name) #name,
  return {MLPCONV_OPS(MLPCONV_NAME)};
#undef MLPCONV_NAME
}

}  // namespace mlpconv
