#include "../ops/relu.h"

#include "kernels.h"
#include "primitive.h"

namespace mlpconv {

std::shared_ptr<Kernel> createRelu(OneDnnDevice& device, const KernelDescription& description) {
  const dnnl::memory::desc tensor = flat(Relu::forward(description).tensor);
  auto kernel = std::make_shared<PrimitiveKernel>(device);
  kernel->add<dnnl::eltwise_forward>(
      {device.engine(), dnnl::prop_kind::forward_inference, dnnl::algorithm::eltwise_relu, tensor, tensor,
       0.0f, attributes()},
      {{DNNL_ARG_SRC, tensor, Place::input(0)}, {DNNL_ARG_DST, tensor, Place::output(0)}});
  return kernel;
}

std::shared_ptr<Kernel> createReluBackward(OneDnnDevice& device, const KernelDescription& description) {
  constexpr auto algorithm = dnnl::algorithm::eltwise_relu_use_dst_for_bwd;
  const dnnl::memory::desc tensor = flat(Relu::backward(description).tensor);
  const dnnl::eltwise_forward::primitive_desc forward(device.engine(), dnnl::prop_kind::forward_training,
                                                      algorithm, tensor, tensor, 0.0f, attributes());
  auto kernel = std::make_shared<PrimitiveKernel>(device);
  kernel->add<dnnl::eltwise_backward>(
      {device.engine(), algorithm, tensor, tensor, tensor, 0.0f, forward, attributes()},
      {{DNNL_ARG_DIFF_DST, tensor, Place::input(0)},
       {DNNL_ARG_DST, tensor, Place::input(1)},
       {DNNL_ARG_DIFF_SRC, tensor, Place::output(0)}});
  return kernel;
}

}  // namespace mlpconv
