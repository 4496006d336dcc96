#include "../ops/maxPool2d.h"

#include "kernels.h"
#include "pool2d.h"

namespace mlpconv {

std::shared_ptr<Kernel> createMaxPool2d(OneDnnDevice& device, const KernelDescription& description) {
  const MaxPool2d pool = MaxPool2d::forward(description);
  const auto desc = poolForward(device, pool, dnnl::algorithm::pooling_max, pool.index);
  auto kernel = std::make_shared<PrimitiveKernel>(device);
  std::vector<PrimitiveArgument> arguments = {{DNNL_ARG_SRC, desc.src_desc(), Place::input(0)},
                                              {DNNL_ARG_DST, desc.dst_desc(), Place::output(0)}};
  if (pool.index) {
    arguments.push_back({DNNL_ARG_WORKSPACE, desc.workspace_desc(), Place::output(1)});
    kernel->setOpaqueBytes(desc.workspace_desc().get_size());
  }
  kernel->add<dnnl::pooling_forward>(desc, std::move(arguments));
  return kernel;
}

std::shared_ptr<Kernel> createMaxPool2dBackward(OneDnnDevice& device, const KernelDescription& description) {
  const auto desc = poolBackward(device, MaxPool2d::backward(description), dnnl::algorithm::pooling_max);
  auto kernel = std::make_shared<PrimitiveKernel>(device);
  kernel->add<dnnl::pooling_backward>(desc, {{DNNL_ARG_DIFF_DST, desc.diff_dst_desc(), Place::input(0)},
                                             {DNNL_ARG_WORKSPACE, desc.workspace_desc(), Place::input(1)},
                                             {DNNL_ARG_DIFF_SRC, desc.diff_src_desc(), Place::output(0)}});
  return kernel;
}

}  // namespace mlpconv
