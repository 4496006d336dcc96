// Choosing among kernels by their time.
#pragma once

#include <chrono>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "../core/backend.h"

namespace mlpconv {

/// The number of the fastest kernel, of some that compute the same from inputs and outputs of so many bytes:
/// by the least of a few times, on zeros. One that cannot run, or for whose workspace there is no memory, is
/// not taken. Throws what the first one throws if that is so of all.
inline size_t fastest(Device& device, std::span<const std::shared_ptr<Kernel>> kernels,
                      std::span<const size_t> inputBytes, std::span<const size_t> outputBytes) {
  using Clock = std::chrono::steady_clock;
  constexpr int rounds = 5;
  constexpr int runs = 4;

  std::vector<std::shared_ptr<Memory>> memory;
  const auto allocate = [&](std::span<const size_t> bytes, Contents contents) {
    std::vector<void*> pointers;
    for (const size_t size : bytes) {
      pointers.push_back(memory.emplace_back(device.allocate(size, contents))->data());
    }
    return pointers;
  };
  const std::vector<void*> inputs = allocate(inputBytes, Contents::zeros);
  const std::vector<void*> outputs = allocate(outputBytes, Contents::undefined);

  size_t best = 0;
  auto least = Clock::duration::max();
  std::exception_ptr reason;
  for (size_t i = 0; i < kernels.size(); i++) {
    Kernel& kernel = *kernels[i];
    try {
      const size_t bytes = kernel.workspaceBytes();
      const std::shared_ptr<Memory> workspace =
          bytes == 0 ? nullptr : device.allocate(bytes, Contents::undefined);
      const Arguments arguments = {inputs, outputs, workspace ? workspace->data() : nullptr};
      const auto time = [&] {
        const auto began = Clock::now();
        for (int run = 0; run < runs; run++) kernel.run(arguments);
        device.synchronize();
        return Clock::now() - began;
      };
      time();  // Loads its code.
      for (int round = 0; round < rounds; round++) {
        if (const auto taken = time(); taken < least) {
          least = taken;
          best = i;
        }
      }
    } catch (const Error&) {
      if (!reason) reason = std::current_exception();
    }
  }
  if (least == Clock::duration::max() && reason) std::rethrow_exception(reason);
  return best;
}

}  // namespace mlpconv
