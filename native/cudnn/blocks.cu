#include "../core/bfloat16.h"
#include "blocks.h"
#include "elementwise.h"

namespace mlpconv {

using BlockFloat32 = BlockFunctor<float, float>;
using BlockBfloat16 = BlockFunctor<bfloat16, bfloat16>;
using BlockRounding = BlockFunctor<float, bfloat16>;

}  // namespace mlpconv

MLPCONV_KERNEL(blockFloat32, mlpconv::BlockFloat32)
MLPCONV_KERNEL(blockBfloat16, mlpconv::BlockBfloat16)
MLPCONV_KERNEL(blockRounding, mlpconv::BlockRounding)
MLPCONV_KERNEL(unblockFloat32, mlpconv::UnblockFunctor<float>)
MLPCONV_KERNEL(unblockBfloat16, mlpconv::UnblockFunctor<mlpconv::bfloat16>)

#if !defined(__CUDACC__) && !defined(MLPCONV_EMULATOR)
#include "blocked.h"

namespace mlpconv {
namespace {

template <typename From, typename To>
std::shared_ptr<Kernel> block(const CudaDevice& device, const char* name, const Blocks& blocks) {
  return makeKernel(
      [&device, name, blocks](const Arguments& arguments) {
        launch(device, name,
               BlockFunctor<From, To>{input<const From>(arguments, 0), output<To>(arguments, 0), blocks},
               blocks.blockedElements());
      },
      0, "block");
}

}  // namespace

std::shared_ptr<Kernel> createBlock(const CudaDevice& device, const Blocks& blocks, DType from, DType to) {
  if (from == DType::bfloat16) return block<bfloat16, bfloat16>(device, "blockBfloat16", blocks);
  if (to == DType::bfloat16) return block<float, bfloat16>(device, "blockRounding", blocks);
  return block<float, float>(device, "blockFloat32", blocks);
}

std::shared_ptr<Kernel> createUnblock(const CudaDevice& device, const Blocks& blocks, DType dtype,
                                      bool accumulate) {
  return withElement(dtype, [&](auto element) {
    using T = decltype(element);
    return makeKernel(
        [&device, blocks, accumulate](const Arguments& arguments) {
          launch(device, instance<T>("unblockFloat32", "unblockBfloat16"),
                 UnblockFunctor<T>{input<const T>(arguments, 0), output<T>(arguments, 0), blocks, accumulate},
                 blocks.elements());
        },
        0, "unblock");
  });
}

}  // namespace mlpconv
#endif
