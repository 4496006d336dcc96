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
  return createPool(device, pool, algorithmOf(pool), false);
}

std::shared_ptr<Kernel> createAvgPool2dBackward(OneDnnDevice& device, const KernelDescription& description) {
  const AvgPool2d pool = AvgPool2d::backward(description);
  return createPoolBackward(device, pool, algorithmOf(pool));
}

}  // namespace mlpconv
