#include "../ops/accumulateMetrics.h"

#include "kernels.h"
#include "parallel.h"

namespace mlpconv {

std::shared_ptr<Kernel> createAccumulateMetrics(OneDnnDevice&, const KernelDescription& description) {
  const AccumulateMetrics op(description);
  return withElement(op.dtype, [&](auto element) {
    using T = decltype(element);
    return makeKernel([op](const Arguments& arguments) {
      const AccumulateMetricsFunctor<T> accumulate{op,
                                                   input<const T>(arguments, 0),
                                                   input<const float>(arguments, 1),
                                                   input<const int32_t>(arguments, 2),
                                                   input<const int64_t>(arguments, 3),
                                                   input<double>(arguments, 4)};
      for (int64_t i = 0; i <= op.classes; ++i) accumulate(i);
    });
  });
}

}  // namespace mlpconv
