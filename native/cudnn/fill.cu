#include "../ops/fill.h"
#include "elementwise.h"

MLPCONV_KERNEL(fill, mlpconv::FillFunctor)

#if !defined(__CUDACC__) && !defined(MLPCONV_EMULATOR)
namespace mlpconv {

std::shared_ptr<Kernel> createFill(CudaDevice& device, const KernelDescription& description) {
  const Fill op(description);
  return makeKernel([&device, op](const Arguments& arguments) {
    launch(device, "fill", FillFunctor{op.value, output<float>(arguments, 0)}, op.elements);
  });
}

}  // namespace mlpconv
#endif
