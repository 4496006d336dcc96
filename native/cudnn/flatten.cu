#include "../ops/flatten.h"
#include "elementwise.h"

namespace mlpconv {

/// Element i of the channels-last side; a sample has `pixels` of `channels`.
template <typename Word, bool toRows>
struct FlattenFunctor {
  const Word* x;
  Word* y;
  int64_t channels;
  int64_t pixels;

  MLPCONV_HOST_DEVICE void operator()(int64_t i) const {
    const int64_t sample = i / (channels * pixels);
    const int64_t pixel = i / channels % pixels;
    const int64_t row = (sample * channels + i % channels) * pixels + pixel;
    if constexpr (toRows) {
      y[row] = x[i];
    } else {
      y[i] = x[row];
    }
  }
};

using Flatten32 = FlattenFunctor<uint32_t, true>;
using Flatten16 = FlattenFunctor<uint16_t, true>;
using Unflatten32 = FlattenFunctor<uint32_t, false>;
using Unflatten16 = FlattenFunctor<uint16_t, false>;

}  // namespace mlpconv

MLPCONV_KERNEL(flattenFloat32, mlpconv::Flatten32)
MLPCONV_KERNEL(flattenBfloat16, mlpconv::Flatten16)
MLPCONV_KERNEL(unflattenFloat32, mlpconv::Unflatten32)
MLPCONV_KERNEL(unflattenBfloat16, mlpconv::Unflatten16)

#if !defined(__CUDACC__) && !defined(MLPCONV_EMULATOR)
namespace mlpconv {
namespace {

template <bool toRows>
std::shared_ptr<Kernel> create(const CudaDevice& device, const Flatten& op, const char* float32,
                               const char* bfloat16Name) {
  return withElement(op.x.dtype, [&](auto element) {
    using T = decltype(element);
    using Word = std::conditional_t<std::is_same_v<T, float>, uint32_t, uint16_t>;
    // Only tensors of rank 4 have their channels last.
    const int64_t channels = op.x.shape.size() == 4 ? op.x.shape[1] : 1;
    const int64_t pixels = op.y.shape[1] / channels;
    const char* const name = instance<T>(float32, bfloat16Name);
    return makeKernel([&device, name, channels, pixels, count = op.x.elements()](const Arguments& arguments) {
      launch(device, name,
             FlattenFunctor<Word, toRows>{input<const Word>(arguments, 0), output<Word>(arguments, 0),
                                          channels, pixels},
             count);
    });
  });
}

}  // namespace

std::shared_ptr<Kernel> createFlatten(CudaDevice& device, const KernelDescription& description) {
  return create<true>(device, Flatten::forward(description), "flattenFloat32", "flattenBfloat16");
}

std::shared_ptr<Kernel> createUnflatten(CudaDevice& device, const KernelDescription& description) {
  return create<false>(device, Flatten::backward(description), "unflattenFloat32", "unflattenBfloat16");
}

}  // namespace mlpconv
#endif
