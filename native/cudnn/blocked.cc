#include "blocked.h"

#include <optional>

namespace mlpconv {
namespace {

/// Nothing where tensor cores have no part in it, or all channels suit them.
std::optional<Blocking> blockingOf(const Conv2d& conv) {
  if (!arithmeticOf(conv).tensorCores) return std::nullopt;
  const Blocking blocking(conv);
  if (!blocking.changesX() && !blocking.changesY()) return std::nullopt;
  return blocking;
}

/// Null where cuDNN has no engine.
template <typename Make>
std::shared_ptr<Kernel> unlessNone(const Make& make) {
  try {
    return make();
  } catch (const NoEngineError&) {
    return nullptr;
  }
}

/// Adds the step that brings an activation into its blocked form, of the spec `blocked`. Returns where that
/// is.
StepPlace block(StepsKernel& steps, CudaDevice& device, const Blocks& blocks, const TensorSpec& blocked,
                StepPlace place) {
  return steps.addScratch(createBlock(device, blocks, blocked.dtype, blocked.dtype), {place},
                          blocked.bytes());
}

void packParameter(StepsKernel& steps, CudaDevice& device, size_t input, const Blocks& blocks, DType dtype) {
  const size_t bytes = static_cast<size_t>(blocks.blockedElements()) * byteSize(dtype);
  steps.pack(input, bytes, createBlock(device, blocks, DType::float32, dtype));
}

/// Runs the kernel, whose output has the blocked form of output 0.
void produce(StepsKernel& steps, CudaDevice& device, const std::shared_ptr<Kernel>& kernel,
             std::vector<StepPlace> inputs, const Blocks& blocks, const TensorSpec& blocked,
             bool accumulate) {
  const StepPlace copy = steps.addScratch(kernel, std::move(inputs), blocked.bytes());
  steps.add(createUnblock(device, blocks, blocked.dtype, accumulate), {copy}, {StepPlace::output(0)});
}

}  // namespace

std::shared_ptr<Kernel> tryBlocked(CudaDevice& device, const Conv2d& conv) {
  const auto blocking = blockingOf(conv);
  if (!blocking) return nullptr;
  const Conv2d& inner = blocking->inner;
  const auto kernel = unlessNone([&] { return createConvolution(device, inner); });
  if (!kernel) return nullptr;
  auto steps = std::make_shared<StepsKernel>();
  packParameter(*steps, device, 1, blocking->weight, conv.dtype);
  if (conv.bias) packParameter(*steps, device, 2, blocking->bias, conv.dtype);
  StepPlace x = StepPlace::input(0);
  if (blocking->changesX()) x = block(*steps, device, blocking->x, inner.xSpec(), x);
  std::vector<StepPlace> inputs = {x, StepPlace::input(1)};
  if (conv.bias) inputs.push_back(StepPlace::input(2));
  if (blocking->changesY()) {
    produce(*steps, device, kernel, std::move(inputs), blocking->y, inner.ySpec(), false);
  } else {
    steps->add(kernel, std::move(inputs), {StepPlace::output(0)});
  }
  return steps;
}

std::shared_ptr<Kernel> tryBlockedBackwardData(CudaDevice& device, const Conv2d& conv) {
  const auto blocking = blockingOf(conv);
  if (!blocking) return nullptr;
  const Conv2d& inner = blocking->inner;
  const auto kernel = unlessNone([&] { return createConvolutionBackwardData(device, inner); });
  if (!kernel) return nullptr;
  auto steps = std::make_shared<StepsKernel>();
  packParameter(*steps, device, 1, blocking->weight, conv.dtype);
  StepPlace dy = StepPlace::input(0);
  if (blocking->changesY()) dy = block(*steps, device, blocking->y, inner.ySpec(), dy);
  std::vector<StepPlace> inputs = {dy, StepPlace::input(1)};
  if (conv.reluBackward) {
    const StepPlace y = StepPlace::input(2);
    inputs.push_back(blocking->changesX() ? block(*steps, device, blocking->x, inner.xSpec(), y) : y);
  }
  if (blocking->changesX()) {
    produce(*steps, device, kernel, std::move(inputs), blocking->x, inner.xSpec(), false);
  } else {
    steps->add(kernel, std::move(inputs), {StepPlace::output(0)});
  }
  return steps;
}

std::shared_ptr<Kernel> tryBlockedBackwardWeights(CudaDevice& device, const Conv2d& conv) {
  const auto blocking = blockingOf(conv);
  if (!blocking) return nullptr;
  const Conv2d& inner = blocking->inner;
  const auto kernel = unlessNone([&] { return createConvolutionBackwardWeights(device, inner); });
  if (!kernel) return nullptr;
  auto steps = std::make_shared<StepsKernel>();
  StepPlace x = StepPlace::input(0);
  if (blocking->changesX()) x = block(*steps, device, blocking->x, inner.xSpec(), x);
  StepPlace dy = StepPlace::input(1);
  if (blocking->changesY()) dy = block(*steps, device, blocking->y, inner.ySpec(), dy);
  produce(*steps, device, kernel, {x, dy}, blocking->weight, inner.weightSpec(), conv.accumulate);
  if (conv.bias) addBiasGradient(*steps, device, conv);
  return steps;
}

}  // namespace mlpconv
