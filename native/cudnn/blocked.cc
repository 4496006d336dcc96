#include "blocked.h"

#include <optional>

#include "gradients.h"

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

/// The steps of one convolution.
class Steps {
 public:
  Steps(CudaDevice& device, DType dtype) : device_(device), dtype_(dtype) {}

  /// Where the blocked form of an activation is, of shape `blocked`.
  StepPlace block(const Blocks& blocks, const TensorSpec& blocked, StepPlace place) {
    const StepPlace copy = steps_->reserve(blocked.bytes());
    steps_->add(createBlock(device_, blocks, dtype_, dtype_), {place}, {copy});
    return copy;
  }

  void pack(size_t input, const Blocks& blocks) {
    const size_t bytes = static_cast<size_t>(blocks.blockedElements()) * byteSize(dtype_);
    steps_->pack(input, bytes, createBlock(device_, blocks, DType::float32, dtype_));
  }

  /// Runs the kernel, whose output has the blocked form of output 0.
  void produce(const std::shared_ptr<Kernel>& kernel, std::vector<StepPlace> inputs, const Blocks& blocks,
               const TensorSpec& blocked, bool accumulate) {
    const StepPlace copy = steps_->reserve(blocked.bytes());
    steps_->add(kernel, std::move(inputs), {copy});
    steps_->add(createUnblock(device_, blocks, blocked.dtype, accumulate), {copy}, {StepPlace::output(0)});
  }

  StepsKernel& steps() { return *steps_; }
  std::shared_ptr<Kernel> kernel() const { return steps_; }

 private:
  CudaDevice& device_;
  DType dtype_;
  std::shared_ptr<StepsKernel> steps_ = std::make_shared<StepsKernel>();
};

}  // namespace

std::shared_ptr<Kernel> tryBlocked(CudaDevice& device, const Conv2d& conv) {
  const auto blocking = blockingOf(conv);
  if (!blocking) return nullptr;
  const Conv2d& inner = blocking->inner;
  const auto kernel = unlessNone([&] { return createConvolution(device, inner); });
  if (!kernel) return nullptr;
  Steps steps(device, conv.dtype);
  steps.pack(1, blocking->weight);
  if (conv.bias) steps.pack(2, blocking->bias);
  StepPlace x = StepPlace::input(0);
  if (blocking->changesX()) x = steps.block(blocking->x, inner.xSpec(), x);
  std::vector<StepPlace> inputs = {x, StepPlace::input(1)};
  if (conv.bias) inputs.push_back(StepPlace::input(2));
  if (blocking->changesY()) {
    steps.produce(kernel, std::move(inputs), blocking->y, inner.ySpec(), false);
  } else {
    steps.steps().add(kernel, std::move(inputs), {StepPlace::output(0)});
  }
  return steps.kernel();
}

std::shared_ptr<Kernel> tryBlockedBackwardData(CudaDevice& device, const Conv2d& conv) {
  const auto blocking = blockingOf(conv);
  if (!blocking) return nullptr;
  const Conv2d& inner = blocking->inner;
  const auto kernel = unlessNone([&] { return createConvolutionBackwardData(device, inner); });
  if (!kernel) return nullptr;
  Steps steps(device, conv.dtype);
  steps.pack(1, blocking->weight);
  StepPlace dy = StepPlace::input(0);
  if (blocking->changesY()) dy = steps.block(blocking->y, inner.ySpec(), dy);
  if (blocking->changesX()) {
    steps.produce(kernel, {dy, StepPlace::input(1)}, blocking->x, inner.xSpec(), false);
  } else {
    steps.steps().add(kernel, {dy, StepPlace::input(1)}, {StepPlace::output(0)});
  }
  return steps.kernel();
}

std::shared_ptr<Kernel> tryBlockedBackwardWeights(CudaDevice& device, const Conv2d& conv) {
  const auto blocking = blockingOf(conv);
  if (!blocking) return nullptr;
  const Conv2d& inner = blocking->inner;
  const auto kernel = unlessNone([&] { return createConvolutionBackwardWeights(device, inner); });
  if (!kernel) return nullptr;
  Steps steps(device, conv.dtype);
  StepPlace x = StepPlace::input(0);
  if (blocking->changesX()) x = steps.block(blocking->x, inner.xSpec(), x);
  StepPlace dy = StepPlace::input(1);
  if (blocking->changesY()) dy = steps.block(blocking->y, inner.ySpec(), dy);
  steps.produce(kernel, {x, dy}, blocking->weight, inner.weightSpec(), conv.accumulate);
  if (conv.bias) addBiasGradient(steps.steps(), device, conv);
  return steps.kernel();
}

}  // namespace mlpconv
