#include "../ops/scale.h"
#include "elementwise.h"
#include "group.h"

namespace mlpconv {

template <typename T>
struct ScaleGroupFunctor {
  const T* x;
  const float* s;
  T* y;
  int64_t count;

  MLPCONV_HOST_DEVICE void operator()(int64_t group) const {
    const Group<T> values = Group<T>::load(x, group, count);
    Group<T> results;
    const ScaleFunctor<T> element{values.at, s, results.at};
    for (int64_t j = 0; j < groupSize; ++j) element(j);
    results.store(y, group, count);
  }
};

}  // namespace mlpconv

MLPCONV_KERNEL(scaleFloat32, mlpconv::ScaleGroupFunctor<float>)
MLPCONV_KERNEL(scaleBfloat16, mlpconv::ScaleGroupFunctor<mlpconv::bfloat16>)

#if !defined(__CUDACC__) && !defined(MLPCONV_EMULATOR)
namespace mlpconv {

std::shared_ptr<Kernel> createScale(CudaDevice& device, const KernelDescription& description) {
  const Scale op(description);
  return withElement(op.dtype, [&](auto element) {
    using T = decltype(element);
    return makeKernel([&device, count = op.elements](const Arguments& arguments) {
      launch(device, instance<T>("scaleFloat32", "scaleBfloat16"),
             ScaleGroupFunctor<T>{input<const T>(arguments, 0), input<const float>(arguments, 1),
                                  output<T>(arguments, 0), count},
             groupCount(count));
    });
  });
}

}  // namespace mlpconv
#endif
