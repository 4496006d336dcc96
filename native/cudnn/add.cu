#include "../ops/add.h"
#include "elementwise.h"
#include "group.h"

namespace mlpconv {

template <typename T>
struct AddFunctor {
  const T* a;
  const T* b;
  T* y;
  int64_t count;

  MLPCONV_HOST_DEVICE void operator()(int64_t group) const {
    Group<T> sums = Group<T>::load(a, group, count);
    const Group<T> others = Group<T>::load(b, group, count);
    for (int64_t j = 0; j < groupSize; ++j) {
      sums.at[j] = T(static_cast<float>(sums.at[j]) + static_cast<float>(others.at[j]));
    }
    sums.store(y, group, count);
  }
};

}  // namespace mlpconv

MLPCONV_KERNEL(addFloat32, mlpconv::AddFunctor<float>)
MLPCONV_KERNEL(addBfloat16, mlpconv::AddFunctor<mlpconv::bfloat16>)

#if !defined(__CUDACC__) && !defined(MLPCONV_EMULATOR)
namespace mlpconv {

std::shared_ptr<Kernel> createAdd(CudaDevice& device, const KernelDescription& description) {
  const TensorSpec tensor = Add(description).tensor;
  return withElement(tensor.dtype, [&](auto element) {
    using T = decltype(element);
    return makeKernel([&device, count = tensor.elements()](const Arguments& arguments) {
      launch(device, instance<T>("addFloat32", "addBfloat16"),
             AddFunctor<T>{input<const T>(arguments, 0), input<const T>(arguments, 1),
                           output<T>(arguments, 0), count},
             groupCount(count));
    });
  });
}

}  // namespace mlpconv
#endif
