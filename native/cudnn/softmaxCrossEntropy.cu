#include "../ops/softmaxCrossEntropy.h"
#include "elementwise.h"

namespace mlpconv {

/// One thread, so that the sums are in one order.
template <typename T>
struct SoftmaxCrossEntropySumFunctor {
  SoftmaxCrossEntropyFunctor<T> functor;

  MLPCONV_HOST_DEVICE void operator()(int64_t) const { functor.sum(); }
};

}  // namespace mlpconv

MLPCONV_KERNEL(softmaxCrossEntropyFloat32, mlpconv::SoftmaxCrossEntropyFunctor<float>)
MLPCONV_KERNEL(softmaxCrossEntropyBfloat16, mlpconv::SoftmaxCrossEntropyFunctor<mlpconv::bfloat16>)
MLPCONV_KERNEL(softmaxCrossEntropySumFloat32, mlpconv::SoftmaxCrossEntropySumFunctor<float>)
MLPCONV_KERNEL(softmaxCrossEntropySumBfloat16, mlpconv::SoftmaxCrossEntropySumFunctor<mlpconv::bfloat16>)

#if !defined(__CUDACC__) && !defined(MLPCONV_EMULATOR)
namespace mlpconv {

std::shared_ptr<Kernel> createSoftmaxCrossEntropy(CudaDevice& device, const KernelDescription& description) {
  const SoftmaxCrossEntropy op(description);
  return withElement(op.dtype, [&](auto element) {
    using T = decltype(element);
    return makeKernel(
        [&device, op](const Arguments& arguments) {
          const auto functor = SoftmaxCrossEntropyFunctor<T>::of(op, arguments);
          launch(device, instance<T>("softmaxCrossEntropyFloat32", "softmaxCrossEntropyBfloat16"), functor,
                 op.samples);
          launch(device, instance<T>("softmaxCrossEntropySumFloat32", "softmaxCrossEntropySumBfloat16"),
                 SoftmaxCrossEntropySumFunctor<T>{functor}, 1);
        },
        op.workspaceBytes());
  });
}

}  // namespace mlpconv
#endif
