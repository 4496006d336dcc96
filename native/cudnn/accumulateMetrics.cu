#include "../ops/accumulateMetrics.h"
#include "elementwise.h"

MLPCONV_KERNEL(accumulateMetricsFloat32, mlpconv::AccumulateMetricsFunctor<float>)
MLPCONV_KERNEL(accumulateMetricsBfloat16, mlpconv::AccumulateMetricsFunctor<mlpconv::bfloat16>)

#if !defined(__CUDACC__) && !defined(MLPCONV_EMULATOR)
namespace mlpconv {

std::shared_ptr<Kernel> createAccumulateMetrics(CudaDevice& device, const KernelDescription& description) {
  const AccumulateMetrics op(description);
  return withElement(op.dtype, [&](auto element) {
    using T = decltype(element);
    return makeKernel([&device, op](const Arguments& arguments) {
      const auto accumulate = AccumulateMetricsFunctor<T>::of(op, arguments);
      launch(device, instance<T>("accumulateMetricsFloat32", "accumulateMetricsBfloat16"), accumulate,
             op.classes + 1);
    });
  });
}

}  // namespace mlpconv
#endif
