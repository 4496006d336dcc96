#include "../ops/cast.h"
#include "elementwise.h"
#include "group.h"

namespace mlpconv {

template <typename From, typename To>
struct CastFunctor {
  const From* x;
  To* y;
  int64_t count;

  MLPCONV_HOST_DEVICE void operator()(int64_t group) const {
    const Group<From> values = Group<From>::load(x, group, count);
    Group<To> results;
    for (int64_t j = 0; j < groupSize; ++j) results.at[j] = To(static_cast<float>(values.at[j]));
    results.store(y, group, count);
  }
};

using Narrowing = CastFunctor<float, bfloat16>;
using Widening = CastFunctor<bfloat16, float>;

}  // namespace mlpconv

MLPCONV_KERNEL(castToBfloat16, mlpconv::Narrowing)
MLPCONV_KERNEL(castToFloat32, mlpconv::Widening)

#if !defined(__CUDACC__) && !defined(MLPCONV_EMULATOR)
namespace mlpconv {
namespace {

template <typename From, typename To>
std::shared_ptr<Kernel> cast(const CudaDevice& device, const char* name, int64_t count) {
  return makeKernel([&device, name, count](const Arguments& arguments) {
    launch(device, name,
           CastFunctor<From, To>{input<const From>(arguments, 0), output<To>(arguments, 0), count},
           groupCount(count));
  });
}

}  // namespace

std::shared_ptr<Kernel> createCast(CudaDevice& device, const KernelDescription& description) {
  const Cast op(description);
  const int64_t count = op.from.elements();
  return op.to.dtype == DType::bfloat16 ? cast<float, bfloat16>(device, "castToBfloat16", count)
                                        : cast<bfloat16, float>(device, "castToFloat32", count);
}

}  // namespace mlpconv
#endif
