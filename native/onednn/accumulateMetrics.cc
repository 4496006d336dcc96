#include "../ops/accumulateMetrics.h"

#include "kernels.h"
#include "parallel.h"

namespace mlpconv {

std::shared_ptr<Kernel> createAccumulateMetrics(OneDnnDevice&, const KernelDescription& description) {
  const AccumulateMetrics op(description);
  return withElement(op.dtype, [&](auto element) {
    using T = decltype(element);
    return makeKernel([op](const Arguments& arguments) {
      const auto accumulate = AccumulateMetricsFunctor<T>::of(op, arguments);
      for (int64_t i = 0; i <= op.classes; ++i) accumulate(i);
    });
  });
}

}  // namespace mlpconv
