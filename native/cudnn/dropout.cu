#include "../ops/dropout.h"
#include "elementwise.h"

namespace mlpconv {

/// Group i of the batch: one counter of the generator.
template <typename T>
struct DropoutGroupFunctor {
  DropoutFunctor<T> drop;

  MLPCONV_HOST_DEVICE void operator()(int64_t i) const {
    const int64_t sample = i / drop.op.groups;
    const int64_t group = i % drop.op.groups;
    const int64_t left = drop.op.elements - 4 * group;
    drop(sample, drop.number(sample), group, left < 4 ? left : 4);
  }
};

}  // namespace mlpconv

MLPCONV_KERNEL(dropoutFloat32, mlpconv::DropoutGroupFunctor<float>)
MLPCONV_KERNEL(dropoutBfloat16, mlpconv::DropoutGroupFunctor<mlpconv::bfloat16>)

#if !defined(__CUDACC__) && !defined(MLPCONV_EMULATOR)
namespace mlpconv {

std::shared_ptr<Kernel> createDropout(CudaDevice& device, const KernelDescription& description) {
  const Dropout op(description);
  return withElement(op.dtype, [&](auto element) {
    using T = decltype(element);
    return makeKernel([&device, op](const Arguments& arguments) {
      const auto drop = DropoutFunctor<T>::of(op, arguments);
      launch(device, instance<T>("dropoutFloat32", "dropoutBfloat16"), DropoutGroupFunctor<T>{drop},
             op.samples * op.groups);
    });
  });
}

}  // namespace mlpconv
#endif
