#include "../ops/flatten.h"

#include "kernels.h"
#include "primitive.h"

namespace mlpconv {
namespace {

struct Layouts {
  dnnl::memory::desc x, y;
};

/// x and y with the same dimensions, in the layouts that their memory has.
Layouts layoutsOf(const Flatten& flatten) {
  if (flatten.x.shape.size() != 4) return {flat(flatten.x), flat(flatten.y)};
  const dnnl::memory::desc x = layout(flatten.x);
  return {x, {x.get_dims(), x.get_data_type(), dnnl::memory::format_tag::nchw}};
}

}  // namespace

std::shared_ptr<Kernel> createFlatten(OneDnnDevice& device, const KernelDescription& description) {
  const Layouts layouts = layoutsOf(Flatten::forward(description));
  auto kernel = std::make_shared<PrimitiveKernel>(device);
  kernel->addReorder(layouts.x, Place::input(0), layouts.y, Place::output(0));
  return kernel;
}

std::shared_ptr<Kernel> createUnflatten(OneDnnDevice& device, const KernelDescription& description) {
  const Layouts layouts = layoutsOf(Flatten::backward(description));
  auto kernel = std::make_shared<PrimitiveKernel>(device);
  kernel->addReorder(layouts.y, Place::input(0), layouts.x, Place::output(0));
  return kernel;
}

}  // namespace mlpconv
