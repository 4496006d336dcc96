#include "../ops/dropout.h"
#include "elementwise.h"
#include "group.h"

namespace mlpconv {

/// Of one sample so many elements, which are those of two counters of the generator.
template <typename T>
struct DropoutGroupFunctor {
  DropoutFunctor<T> drop;

  MLPCONV_HOST_DEVICE void operator()(int64_t i) const {
    const int64_t count = drop.op.elements;
    const int64_t groups = groupCount(count);
    const int64_t sample = i / groups;
    const int64_t group = i % groups;
    Group<T> values = Group<T>::load(drop.x + sample * count, group, count);
    for (int64_t j = 0; j < groupSize; j += 4) {
      drop.apply(drop.number(sample), (group * groupSize + j) / 4, &values.at[j], &values.at[j], 4);
    }
    values.store(drop.y + sample * count, group, count);
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
             op.samples * groupCount(op.elements));
    });
  });
}

}  // namespace mlpconv
#endif
