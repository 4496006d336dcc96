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

class Block final : public Kernel {
 public:
  Block(const CudaDevice& device, const Blocks& blocks, DType from, DType to)
      : device_(device), blocks_(blocks), from_(from), to_(to) {}

  std::string implementation() const override { return "block"; }

  void run(const Arguments& arguments) override {
    if (from_ == DType::bfloat16) {
      start<bfloat16, bfloat16>("blockBfloat16", arguments);
    } else if (to_ == DType::bfloat16) {
      start<float, bfloat16>("blockRounding", arguments);
    } else {
      start<float, float>("blockFloat32", arguments);
    }
  }

 private:
  template <typename From, typename To>
  void start(const char* name, const Arguments& arguments) const {
    const auto* const x = static_cast<const From*>(arguments.inputs[0]);
    auto* const y = static_cast<To*>(arguments.outputs[0]);
    launch(device_, name, BlockFunctor<From, To>{x, y, blocks_}, blocks_.blockedElements());
  }

  const CudaDevice& device_;
  Blocks blocks_;
  DType from_;
  DType to_;
};

class Unblock final : public Kernel {
 public:
  Unblock(const CudaDevice& device, const Blocks& blocks, DType dtype, bool accumulate)
      : device_(device), blocks_(blocks), dtype_(dtype), accumulate_(accumulate) {}

  std::string implementation() const override { return "unblock"; }

  void run(const Arguments& arguments) override {
    if (dtype_ == DType::bfloat16) {
      start<bfloat16>("unblockBfloat16", arguments);
    } else {
      start<float>("unblockFloat32", arguments);
    }
  }

 private:
  template <typename T>
  void start(const char* name, const Arguments& arguments) const {
    const auto* const x = static_cast<const T*>(arguments.inputs[0]);
    auto* const y = static_cast<T*>(arguments.outputs[0]);
    launch(device_, name, UnblockFunctor<T>{x, y, blocks_, accumulate_}, blocks_.elements());
  }

  const CudaDevice& device_;
  Blocks blocks_;
  DType dtype_;
  bool accumulate_;
};

}  // namespace

std::shared_ptr<Kernel> createBlock(const CudaDevice& device, const Blocks& blocks, DType from, DType to) {
  return std::make_shared<Block>(device, blocks, from, to);
}

std::shared_ptr<Kernel> createUnblock(const CudaDevice& device, const Blocks& blocks, DType dtype,
                                      bool accumulate) {
  return std::make_shared<Unblock>(device, blocks, dtype, accumulate);
}

}  // namespace mlpconv
#endif
