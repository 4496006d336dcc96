#include "../ops/advance.h"
#include "elementwise.h"

MLPCONV_KERNEL(advance, mlpconv::AdvanceFunctor)

#if !defined(__CUDACC__) && !defined(MLPCONV_EMULATOR)
namespace mlpconv {

std::shared_ptr<Kernel> createAdvance(CudaDevice& device, const KernelDescription& description) {
  const Advance op(description);
  return makeKernel([&device, op](const Arguments& arguments) {
    launch(device, "advance", AdvanceFunctor{op, input<int64_t>(arguments, 0)}, 3);
  });
}

}  // namespace mlpconv
#endif
