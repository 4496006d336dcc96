#include "../ops/cast.h"

#include "kernels.h"
#include "primitive.h"

namespace mlpconv {

std::shared_ptr<Kernel> createCast(OneDnnDevice& device, const KernelDescription& description) {
  const Cast cast(description);
  auto kernel = std::make_shared<PrimitiveKernel>(device);
  kernel->addReorder(flat(cast.from), Place::input(0), flat(cast.to), Place::output(0));
  return kernel;
}

}  // namespace mlpconv
