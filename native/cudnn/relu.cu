#include "../ops/relu.h"
#include "elementwise.h"
#include "group.h"

namespace mlpconv {

/// A NaN stays one, as in cuDNN and PyTorch.
template <typename T>
struct ReluFunctor {
  const T* x;
  T* y;
  int64_t count;

  MLPCONV_HOST_DEVICE void operator()(int64_t group) const {
    Group<T> values = Group<T>::load(x, group, count);
    for (T& value : values.at) value = static_cast<float>(value) <= 0 ? T(0.0f) : value;
    values.store(y, group, count);
  }
};

template <typename Word>
struct ReluBackwardGroupFunctor {
  const Word* dy;
  const Word* y;
  Word* dx;
  int64_t count;

  MLPCONV_HOST_DEVICE void operator()(int64_t group) const {
    const Group<Word> gradients = Group<Word>::load(dy, group, count);
    const Group<Word> values = Group<Word>::load(y, group, count);
    Group<Word> results;
    const ReluBackwardFunctor<Word> element{gradients.at, values.at, results.at};
    for (int64_t j = 0; j < groupSize; ++j) element(j);
    results.store(dx, group, count);
  }
};

}  // namespace mlpconv

MLPCONV_KERNEL(reluFloat32, mlpconv::ReluFunctor<float>)
MLPCONV_KERNEL(reluBfloat16, mlpconv::ReluFunctor<mlpconv::bfloat16>)
MLPCONV_KERNEL(reluBackwardFloat32, mlpconv::ReluBackwardGroupFunctor<uint32_t>)
MLPCONV_KERNEL(reluBackwardBfloat16, mlpconv::ReluBackwardGroupFunctor<uint16_t>)

#if !defined(__CUDACC__) && !defined(MLPCONV_EMULATOR)
namespace mlpconv {

std::shared_ptr<Kernel> createRelu(CudaDevice& device, const KernelDescription& description) {
  const TensorSpec tensor = Relu::forward(description).tensor;
  return withElement(tensor.dtype, [&](auto element) {
    using T = decltype(element);
    return makeKernel([&device, count = tensor.elements()](const Arguments& arguments) {
      launch(device, instance<T>("reluFloat32", "reluBfloat16"),
             ReluFunctor<T>{input<const T>(arguments, 0), output<T>(arguments, 0), count}, groupCount(count));
    });
  });
}

std::shared_ptr<Kernel> createReluBackward(CudaDevice& device, const KernelDescription& description) {
  const TensorSpec tensor = Relu::backward(description).tensor;
  return withElement(tensor.dtype, [&](auto element) {
    using T = decltype(element);
    using Word = std::conditional_t<std::is_same_v<T, float>, uint32_t, uint16_t>;
    const auto run = [&device, count = tensor.elements()](const Arguments& arguments) {
      launch(device, instance<T>("reluBackwardFloat32", "reluBackwardBfloat16"),
             ReluBackwardGroupFunctor<Word>{input<const Word>(arguments, 0), input<const Word>(arguments, 1),
                                            output<Word>(arguments, 0), count},
             groupCount(count));
    };
    return makeKernel(run, 0, "reluBackward");
  });
}

}  // namespace mlpconv
#endif
