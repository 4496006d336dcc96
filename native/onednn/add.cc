#include "../ops/add.h"

#include "kernels.h"
#include "primitive.h"

namespace mlpconv {

std::shared_ptr<Kernel> createAdd(OneDnnDevice& device, const KernelDescription& description) {
  const dnnl::memory::desc tensor = flat(Add(description).tensor);
  auto kernel = std::make_shared<PrimitiveKernel>(device);
  kernel->add<dnnl::binary>(
      {device.engine(), dnnl::algorithm::binary_add, tensor, tensor, tensor, attributes()},
      {{DNNL_ARG_SRC_0, tensor, Place::input(0)},
       {DNNL_ARG_SRC_1, tensor, Place::input(1)},
       {DNNL_ARG_DST, tensor, Place::output(0)}});
  return kernel;
}

}  // namespace mlpconv
