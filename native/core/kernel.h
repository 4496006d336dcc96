// A kernel together with the sizes of all that it reads and writes, which is what a plan checks its locations
// against.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend.h"

namespace mlpconv {

/// What `Device::allocate` aligns to, and what opaque tensors and workspaces may rely on.
constexpr size_t bufferAlignment = 64;

/// The place that one tensor takes.
struct Extent {
  size_t bytes;
  size_t alignment;
};

struct CompiledKernel;

struct CompiledPack {
  size_t input;
  std::shared_ptr<const CompiledKernel> kernel;
};

struct CompiledKernel {
  std::string op;
  std::shared_ptr<Kernel> kernel;
  /// An input for which there is a pack has the pack's extent.
  std::vector<Extent> inputs;
  std::vector<Extent> outputs;
  Extent workspace;
  std::vector<CompiledPack> packs;
};

/// Asks the device for the kernel and its packs. Errors name the op.
std::shared_ptr<const CompiledKernel> compileKernel(Device& device, const KernelDescription& description);

/// The same of many, in their order, on as many threads as the device allows. Throws what the first of them
/// throws that cannot be made. Once `stopping` is set no more are begun, and their places are null.
std::vector<std::shared_ptr<const CompiledKernel>> compileKernels(
    Device& device, std::span<const KernelDescription> descriptions, const std::atomic<bool>& stopping);

/// Only in a `catch`: throws the same error again, with the op's name before its message unless that has it
/// already.
[[noreturn]] void rethrowNaming(const std::string& op);

template <typename Body>
auto namingOp(const std::string& op, const Body& body) {
  try {
    return body();
  } catch (...) {
    rethrowNaming(op);
  }
}

}  // namespace mlpconv
