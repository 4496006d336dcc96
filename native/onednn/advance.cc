#include "../ops/advance.h"

#include "kernels.h"
#include "parallel.h"

namespace mlpconv {

std::shared_ptr<Kernel> createAdvance(OneDnnDevice&, const KernelDescription& description) {
  const Advance op(description);
  return makeKernel([op](const Arguments& arguments) {
    const AdvanceFunctor advance{op, input<int64_t>(arguments, 0)};
    for (int64_t i = 0; i < 3; ++i) advance(i);
  });
}

}  // namespace mlpconv
