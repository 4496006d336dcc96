#include "../ops/conv2d.h"

#include <string_view>

#include "affine.h"
#include "kernels.h"
#include "pointwise/pointwise.h"
#include "reluBackward.h"
#include "winograd/winograd.h"

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

/// What `create` makes, in the implementation to use. For channels-last oneDNN prefers matrix products
/// (brgemm), whose register tile is filled with pixels of one row; where rows are narrow, its direct
/// convolution for the same instruction set is faster: 1.8 times forward in NiN's third block at 96x96 in
/// bfloat16.
template <typename Create>
auto chooseImplementation(const Conv2d& conv, int64_t rowSize, const Create& create) {
  const auto first = create();
  const std::string name = first.impl_info_str();
  const std::string instructionSet = name.substr(name.rfind(':') + 1);
  const bool isAvx512 = instructionSet == "avx512_core" || instructionSet == "avx512_core_bf16";
  const bool is1x1 = conv.window.kernelSize == std::vector<int64_t>{1, 1};
  if (rowSize < 8 && !is1x1 && isAvx512 && name.starts_with("brg")) {
    // A copy of a descriptor is the same object, which next_impl() changes.
    for (auto other = create(); other.next_impl();) {
      const std::string otherName = other.impl_info_str();
      if (otherName.starts_with("jit") && otherName.ends_with(":" + instructionSet)) return other;
    }
  }
  return first;
}

/// Whether it is a product of matrices.
bool isPointwise(const Conv2d& conv) {
  using Size = std::vector<int64_t>;
  const auto& [kernelSize, stride, padding] = conv.window;
  return kernelSize == Size{1, 1} && stride == Size{1, 1} && padding == Size{0, 0};
}

std::shared_ptr<Kernel> primitiveBackwardData(const OneDnnDevice& device, const Conv2d& conv) {
  using Primitive = dnnl::convolution_backward_data;
  const Team team(teamSize(device, conv));
  const AffineLayouts layouts(conv);
  const auto& [kernelSize, stride, padding] = conv.window;
  // Searching for other implementations reads it again.
  const auto forward = forwardDesc(device, conv);
  const auto create = [&, &stride = stride, &padding = padding] {
    return Primitive::primitive_desc(device.engine(), direct, layouts.x, layouts.weight, layouts.y, stride,
                                     padding, padding, forward, attributes());
  };
  return affineBackwardData<Primitive>(device, conv, chooseImplementation(conv, conv.x[3], create));
}

}  // namespace

std::shared_ptr<Kernel> createConv2d(OneDnnDevice& device, const KernelDescription& description) {
  const Conv2d conv = checked(description, Conv2d::forward(description));
  if (auto kernel = winograd::tryForward(device, conv)) return kernel;
  const Team team(teamSize(device, conv));
  return affineForward<dnnl::convolution_forward>(
      device, conv, chooseImplementation(conv, conv.y[3], [&] { return forwardDesc(device, conv); }));
}

std::shared_ptr<Kernel> createConv2dBackwardData(OneDnnDevice& device, const KernelDescription& description) {
  const Conv2d conv = checked(description, Conv2d::backwardData(description));
  if (auto kernel = winograd::tryBackwardData(device, conv)) return kernel;
  if (auto kernel = isPointwise(conv) ? pointwise::tryBackwardData(device, conv) : nullptr) return kernel;
  return andReluBackward(device, conv.reluBackward, conv.xSpec(), primitiveBackwardData(device, conv));
}

std::shared_ptr<Kernel> createConv2dBackwardWeights(OneDnnDevice& device,
                                                    const KernelDescription& description) {
  const Conv2d conv = checked(description, Conv2d::backwardWeights(description));
  if (auto kernel = winograd::tryBackwardWeights(device, conv)) return kernel;
  if (auto kernel = isPointwise(conv) ? pointwise::tryBackwardWeights(device, conv) : nullptr) return kernel;
  const Team team(teamSize(device, conv));
  const AffineLayouts layouts(conv);
  const auto& [kernelSize, stride, padding] = conv.window;
  const auto hint = forwardDesc(device, conv);
  dnnl::convolution_backward_weights::primitive_desc desc(device.engine(), direct, layouts.x, layouts.dweight,
                                                          layouts.bias, layouts.y, stride, padding, padding,
                                                          hint, attributes());
  // oneDNN 3.2's bfloat16 kernels, for AVX-512 (jit) and for AMX (brg), add what they find in their
  // scratchpad where x is narrower than the stride.
  const bool narrow = conv.dtype == DType::bfloat16 && conv.x[3] < stride[1];
  const auto isWrong = [&] {
    const std::string_view name = desc.impl_info_str();
    return name.starts_with("jit") || name.starts_with("brg");
  };
  while (narrow && isWrong() && desc.next_impl()) {
  }
  return affineBackwardWeights<dnnl::convolution_backward_weights>(device, conv, desc);
}

}  // namespace mlpconv
