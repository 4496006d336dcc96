#include "../ops/maxPool2d.h"

#include "kernels.h"
#include "pool2d.h"

namespace mlpconv {

std::shared_ptr<Kernel> createMaxPool2d(OneDnnDevice& device, const KernelDescription& description) {
  const MaxPool2d pool = MaxPool2d::forward(description);
  return createPool(device, pool, dnnl::algorithm::pooling_max, pool.index);
}

std::shared_ptr<Kernel> createMaxPool2dBackward(OneDnnDevice& device, const KernelDescription& description) {
  return createPoolBackward(device, MaxPool2d::backward(description), dnnl::algorithm::pooling_max);
}

}  // namespace mlpconv
