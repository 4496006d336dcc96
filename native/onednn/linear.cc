#include "../ops/linear.h"

#include "affine.h"
#include "kernels.h"
#include "pointwise/pointwise.h"
#include "reluBackward.h"

namespace mlpconv {
namespace {

dnnl::inner_product_forward::primitive_desc forwardDesc(const OneDnnDevice& device, const Linear& linear) {
  const AffineLayouts layouts(linear);
  return {device.engine(), dnnl::prop_kind::forward_training, layouts.x, layouts.weight, layouts.bias,
          layouts.y,       forwardAttributes(linear)};
}

}  // namespace

std::shared_ptr<Kernel> createLinear(OneDnnDevice& device, const KernelDescription& description) {
  const Linear linear = checked(description, Linear::forward(description));
  const Team team(teamSize(device, linear));
  return affineForward<dnnl::inner_product_forward>(device, linear, forwardDesc(device, linear));
}

std::shared_ptr<Kernel> createLinearBackwardData(OneDnnDevice& device, const KernelDescription& description) {
  const Linear linear = checked(description, Linear::backwardData(description));
  if (auto kernel = pointwise::tryBackwardData(device, linear)) return kernel;
  const Team team(teamSize(device, linear));
  const AffineLayouts layouts(linear);
  auto kernel = affineBackwardData<dnnl::inner_product_backward_data>(
      device, linear,
      {device.engine(), layouts.x, layouts.weight, layouts.y, forwardDesc(device, linear), attributes()});
  return andReluBackward(device, linear.reluBackward, linear.xSpec(), std::move(kernel));
}

std::shared_ptr<Kernel> createLinearBackwardWeights(OneDnnDevice& device,
                                                    const KernelDescription& description) {
  const Linear linear = checked(description, Linear::backwardWeights(description));
  if (auto kernel = pointwise::tryBackwardWeights(device, linear)) return kernel;
  const Team team(teamSize(device, linear));
  const AffineLayouts layouts(linear);
  return affineBackwardWeights<dnnl::inner_product_backward_weights>(
      device, linear,
      {device.engine(), layouts.x, layouts.dweight, layouts.bias, layouts.y, forwardDesc(device, linear),
       attributes()});
}

}  // namespace mlpconv
