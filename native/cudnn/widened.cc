#include "widened.h"

#include "steps.h"

namespace mlpconv {
namespace {

bool isNarrow(const TensorSpec& spec) { return spec.dtype == DType::bfloat16; }

TensorSpec wide(const TensorSpec& spec) {
  return {isNarrow(spec) ? DType::float32 : spec.dtype, spec.shape};
}

}  // namespace

std::shared_ptr<Kernel> createCast(CudaDevice& device, const std::vector<int64_t>& shape, DType from,
                                   DType to) {
  return createCast(device, {"cast", {}, {{from, shape}}, {{to, shape}}});
}

std::shared_ptr<Kernel> createWidened(
    CudaDevice& device, KernelDescription description,
    std::shared_ptr<Kernel> (*create)(CudaDevice&, const KernelDescription&)) {
  const auto [inputs, outputs] = std::pair(description.inputs, description.outputs);
  for (TensorSpec& spec : description.inputs) spec = wide(spec);
  for (TensorSpec& spec : description.outputs) spec = wide(spec);
  auto steps = std::make_shared<StepsKernel>();
  std::vector<StepPlace> from, to;
  for (size_t i = 0; i < inputs.size(); i++) {
    from.push_back(StepPlace::input(i));
    if (!isNarrow(inputs[i])) continue;
    from[i] = steps->addScratch(createCast(device, inputs[i].shape, DType::bfloat16, DType::float32),
                                {from[i]}, wide(inputs[i]).bytes());
  }
  for (size_t i = 0; i < outputs.size(); i++) {
    to.push_back(isNarrow(outputs[i]) ? steps->reserve(wide(outputs[i]).bytes()) : StepPlace::output(i));
  }
  steps->add(create(device, description), std::move(from), to);
  for (size_t i = 0; i < outputs.size(); i++) {
    if (!isNarrow(outputs[i])) continue;
    steps->add(createCast(device, outputs[i].shape, DType::float32, DType::bfloat16), {to[i]},
               {StepPlace::output(i)});
  }
  return steps;
}

}  // namespace mlpconv
