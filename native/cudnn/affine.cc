#include "affine.h"

#include <string>

#include "columnSums.h"
#include "device.h"
#include "kernels.h"

namespace mlpconv {
namespace {

std::shared_ptr<Kernel> castKernel(CudaDevice& device, const std::vector<int64_t>& shape, DType from,
                                   DType to) {
  return createCast(device, {"cast", {}, {{from, shape}}, {{to, shape}}});
}

/// The same problem in float32. Products of bfloat16 numbers are exact in TF32, so this rounds only less.
Conv2d widened(Conv2d conv) {
  conv.dtype = DType::float32;
  conv.precision = Precision::tfloat32;
  return conv;
}

/// What makes the output.
struct Made {
  std::shared_ptr<Kernel> kernel;
  /// Whether it computes in float32.
  bool wide;
};

/// In float32 where cuDNN has no engine for bfloat16. Throws NoEngineError if it has none for that either.
Made make(const Conv2d& conv, const Create& create) {
  if (conv.dtype == DType::float32) return {create(conv), true};
  try {
    return {create(conv), false};
  } catch (const NoEngineError&) {
    return {create(widened(conv)), true};
  }
}

/// Where the kernel finds an activation: its own place, or its float32 copy.
StepPlace fetch(StepsKernel& steps, CudaDevice& device, const TensorSpec& spec, StepPlace place, bool wide) {
  if (!wide || spec.dtype == DType::float32) return place;
  return steps.addScratch(castKernel(device, spec.shape, spec.dtype, DType::float32), {place},
                          TensorSpec{DType::float32, spec.shape}.bytes());
}

/// Runs the kernel, whose output becomes output 0 of the whole.
void produce(StepsKernel& steps, CudaDevice& device, const Made& made, std::vector<StepPlace> inputs,
             const TensorSpec& spec) {
  if (!made.wide || spec.dtype == DType::float32) {
    steps.add(made.kernel, std::move(inputs), {StepPlace::output(0)});
    return;
  }
  const StepPlace wide =
      steps.addScratch(made.kernel, std::move(inputs), TensorSpec{DType::float32, spec.shape}.bytes());
  steps.add(castKernel(device, spec.shape, DType::float32, spec.dtype), {wide}, {StepPlace::output(0)});
}

void packParameter(StepsKernel& steps, CudaDevice& device, size_t input, const std::vector<int64_t>& shape,
                   const Made& made) {
  if (made.wide) return;
  const TensorSpec packed = {DType::bfloat16, shape};
  steps.pack(input, packed.bytes(), castKernel(device, shape, DType::float32, DType::bfloat16));
}

}  // namespace

Arithmetic arithmeticOf(const Conv2d& conv) {
  constexpr int64_t fewestChannels = 32;
  const bool isFloat32 = conv.dtype == DType::float32;
  return {.tensorCores = !isFloat32 || conv.precision == Precision::tfloat32,
          .transforms = isFloat32 && conv.precision != Precision::highest &&
                        conv.weight[0] >= fewestChannels && conv.weight[1] >= fewestChannels};
}

std::shared_ptr<Kernel> createAffineForward(CudaDevice& device, const Conv2d& conv, const Create& create) {
  const Made made = make(conv, create);
  auto steps = std::make_shared<StepsKernel>();
  packParameter(*steps, device, 1, conv.weight, made);
  if (conv.bias) packParameter(*steps, device, 2, {conv.weight[0]}, made);
  std::vector<StepPlace> inputs = {fetch(*steps, device, conv.xSpec(), StepPlace::input(0), made.wide),
                                   StepPlace::input(1)};
  if (conv.bias) inputs.push_back(StepPlace::input(2));
  produce(*steps, device, made, std::move(inputs), conv.ySpec());
  return steps;
}

std::shared_ptr<Kernel> createAffineBackwardData(CudaDevice& device, const Conv2d& conv,
                                                 const Create& create) {
  const Made made = make(conv, create);
  auto steps = std::make_shared<StepsKernel>();
  packParameter(*steps, device, 1, conv.weight, made);
  std::vector<StepPlace> inputs = {fetch(*steps, device, conv.ySpec(), StepPlace::input(0), made.wide),
                                   StepPlace::input(1)};
  if (conv.reluBackward)
    inputs.push_back(fetch(*steps, device, conv.xSpec(), StepPlace::input(2), made.wide));
  produce(*steps, device, made, std::move(inputs), conv.xSpec());
  return steps;
}

void addBiasGradient(StepsKernel& steps, CudaDevice& device, const Conv2d& conv) {
  const int64_t rows = conv.ySpec().elements() / conv.weight[0];
  steps.add(createColumnSums(device, conv.dtype, rows, conv.weight[0], conv.accumulate),
            {StepPlace::input(1)}, {StepPlace::output(1)});
}

std::shared_ptr<Kernel> createAffineBackwardWeights(CudaDevice& device, const Conv2d& conv,
                                                    const Create& create) {
  const Made made = make(conv, create);
  auto steps = std::make_shared<StepsKernel>();
  const StepPlace x = fetch(*steps, device, conv.xSpec(), StepPlace::input(0), made.wide);
  const StepPlace dy = fetch(*steps, device, conv.ySpec(), StepPlace::input(1), made.wide);
  if (conv.accumulate) {
    const TensorSpec spec = conv.weightSpec();
    const StepPlace dweight = steps->addScratch(made.kernel, {x, dy}, spec.bytes());
    steps->add(createAdd(device, {"add", {}, {spec, spec}, {spec}}), {dweight, StepPlace::output(0)},
               {StepPlace::output(0)});
  } else {
    steps->add(made.kernel, {x, dy}, {StepPlace::output(0)});
  }
  if (conv.bias) addBiasGradient(*steps, device, conv);
  return steps;
}

}  // namespace mlpconv
