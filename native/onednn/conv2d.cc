#include "../ops/conv2d.h"

#include "affine.h"
#include "kernels.h"

namespace mlpconv {
namespace {

constexpr auto direct = dnnl::algorithm::convolution_direct;

dnnl::convolution_forward::primitive_desc forwardDesc(const OneDnnDevice& device, const Conv2d& conv) {
  const AffineLayouts layouts(conv);
  const auto& [kernelSize, stride, padding] = conv.window;
  return {device.engine(),
          dnnl::prop_kind::forward_training,
          direct,
          layouts.x,
          layouts.weight,
          layouts.bias,
          layouts.y,
          stride,
          padding,
          padding,
          forwardAttributes(conv)};
}

}  // namespace

std::shared_ptr<Kernel> createConv2d(OneDnnDevice& device, const KernelDescription& description) {
  const Conv2d conv = Conv2d::forward(description);
  return affineForward<dnnl::convolution_forward>(device, conv, forwardDesc(device, conv));
}

std::shared_ptr<Kernel> createConv2dBackwardData(OneDnnDevice& device, const KernelDescription& description) {
  const Conv2d conv = Conv2d::backwardData(description);
  const AffineLayouts layouts(conv);
  const auto& [kernelSize, stride, padding] = conv.window;
  return affineBackwardData<dnnl::convolution_backward_data>(
      device, conv,
      {device.engine(), direct, layouts.x, layouts.weight, layouts.y, stride, padding, padding,
       forwardDesc(device, conv), attributes()});
}

std::shared_ptr<Kernel> createConv2dBackwardWeights(OneDnnDevice& device,
                                                    const KernelDescription& description) {
  const Conv2d conv = Conv2d::backwardWeights(description);
  const AffineLayouts layouts(conv);
  const auto& [kernelSize, stride, padding] = conv.window;
  return affineBackwardWeights<dnnl::convolution_backward_weights>(
      device, conv,
      {device.engine(), direct, layouts.x, layouts.dweight, layouts.bias, layouts.y, stride, padding, padding,
       forwardDesc(device, conv), attributes()});
}

}  // namespace mlpconv
