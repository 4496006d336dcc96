#include "../ops/avgPool2d.h"

#include "kernels.h"
#include "pool2d.h"

namespace mlpconv {
namespace {

dnnl::algorithm algorithmOf(const AvgPool2d& pool) {
  return pool.countIncludePad ? dnnl::algorithm::pooling_avg_include_padding
                              : dnnl::algorithm::pooling_avg_exclude_padding;
}

}  // namespace

std::shared_ptr<Kernel> createAvgPool2d(OneDnnDevice& device, const KernelDescription& description) {
  const AvgPool2d pool = AvgPool2d::forward(description);
  const auto desc = poolForward(device, pool, algorithmOf(pool), false);
  auto kernel = std::make_shared<PrimitiveKernel>(device);
  kernel->add<dnnl::pooling_forward>(desc, {{DNNL_ARG_SRC, desc.src_desc(), Place::input(0)},
                                            {DNNL_ARG_DST, desc.dst_desc(), Place::output(0)}});
  return kernel;
}

std::shared_ptr<Kernel> createAvgPool2dBackward(OneDnnDevice& device, const KernelDescription& description) {
  const AvgPool2d pool = AvgPool2d::backward(description);
  const auto desc = poolBackward(device, pool, algorithmOf(pool));
  auto kernel = std::make_shared<PrimitiveKernel>(device);
  kernel->add<dnnl::pooling_backward>(desc, {{DNNL_ARG_DIFF_DST, desc.diff_dst_desc(), Place::input(0)},
                                             {DNNL_ARG_DIFF_SRC, desc.diff_src_desc(), Place::output(0)}});
  return kernel;
}

}  // namespace mlpconv
