#include "../ops/fill.h"

#include "kernels.h"
#include "parallel.h"

namespace mlpconv {

std::shared_ptr<Kernel> createFill(OneDnnDevice& device, const KernelDescription& description) {
  const Fill op(description);
  return makeKernel([op, threads = device.threads()](const Arguments& arguments) {
    parallelFor(threads, op.elements, FillFunctor{op.value, output<float>(arguments, 0)});
  });
}

}  // namespace mlpconv
