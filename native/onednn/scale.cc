#include "../ops/scale.h"

#include "kernels.h"
#include "parallel.h"

namespace mlpconv {

std::shared_ptr<Kernel> createScale(OneDnnDevice& device, const KernelDescription& description) {
  const Scale op(description);
  return withElement(op.dtype, [&](auto element) {
    using T = decltype(element);
    return makeKernel([op, threads = device.threads()](const Arguments& arguments) {
      parallelFor(threads, op.elements,
                  ScaleFunctor<T>{input<const T>(arguments, 0), input<const float>(arguments, 1),
                                  output<T>(arguments, 0)});
    });
  });
}

}  // namespace mlpconv
