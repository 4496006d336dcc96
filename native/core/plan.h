// Kernels with their places in memory, run in order, whole steps at a time.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "kernel.h"

namespace mlpconv {

/// A place in the memory that is bound to a slot when the plan runs.
struct Location {
  size_t slot;
  size_t byteOffset;
};

struct KernelCall {
  std::shared_ptr<const CompiledKernel> kernel;
  std::vector<Location> inputs;
  std::vector<Location> outputs;
  std::optional<Location> workspace;
};

/// Kernels in order, `repeat` times.
struct Stage {
  int64_t repeat;
  std::vector<KernelCall> kernels;
};

/// How long steps took.
struct Profile {
  /// How many were run in whole.
  int64_t steps = 0;
  /// Of these steps, from the first one's begin to the last one's end.
  double seconds = 0;
  /// Of each kernel call, in the order of the stages, all steps and repeats together.
  std::vector<double> kernelSeconds;
};

/// Nothing that a kernel call names can lie outside of its slot: that is checked when the plan is made, and
/// that the slots' memory is large enough when it is bound.
class Plan {
 public:
  /// Memory that was checked for this plan, for one run.
  class Binding {
   private:
    friend class Plan;
    std::vector<std::byte*> slots_;
    uint64_t cancellations_ = 0;
  };

  /// `slotBytes` are the least sizes of what is bound to the slots; in those of `scratch` a step leaves
  /// nothing that another needs. Throws OptionError if a location does not fit, or scratch is no slot.
  Plan(const std::vector<size_t>& slotBytes, const std::vector<Stage>& stages,
       const std::vector<size_t>& scratch = {});

  /// Checks memory, one span per slot, and begins a run: `cancel()` ends it from now on.
  /// Throws OptionError if it is too small, misaligned or of another number.
  Binding bind(std::span<const std::span<std::byte>> memory) const;

  /// Runs `steps` steps on the device and returns how many were run, or enqueued, in whole. Ends early after
  /// a `cancel()` that came after `bind`, at the end of the step, and when `stopping` is set, at the end of
  /// the kernel. A step that is run again in the same memory is recorded, where the device can. For one
  /// thread at a time.
  int64_t run(Device& device, const Binding& binding, int64_t steps, const std::atomic<bool>& stopping);

  /// Runs steps as `run` does, none of them recorded, and times each kernel. Where kernels are enqueued, each
  /// is waited for.
  Profile profile(Device& device, const Binding& binding, int64_t steps, const std::atomic<bool>& stopping);

  /// Ends all runs that are under way or bound. For any thread.
  void cancel() { cancellations_++; }

 private:
  /// A slot's needs: of size, and of the alignment of where it begins.
  using Slot = Extent;

  struct Call {
    std::shared_ptr<const CompiledKernel> kernel;
    /// Where its pointers begin in `pointers_`: inputs, outputs, and the workspace if it has one.
    size_t first;
  };

  struct Scratch {
    size_t slot;
    /// Where it is in the present run.
    std::byte* data;
  };

  struct CallRange {
    int64_t repeat;
    size_t begin;
    size_t end;
  };

  void add(const KernelCall& call);
  void place(const CompiledKernel& kernel, const char* kind, size_t index, Location location, Extent extent);
  void point(const Binding& binding);
  bool mayBegin(const Binding& binding, const std::atomic<bool>& stopping) const;
  /// Calls `runKernel(c)` for each kernel call c, as often as it repeats. Whether it came to the end.
  template <typename RunKernel>
  bool runStep(Device& device, const std::atomic<bool>& stopping, const RunKernel& runKernel);
  void runCall(size_t c);

  std::vector<Slot> slots_;
  std::vector<Scratch> scratch_;
  std::vector<CallRange> stages_;
  std::vector<Call> calls_;
  std::vector<Location> locations_;
  /// For each location where it is in the present run.
  std::vector<void*> pointers_;
  /// How far it is with a recording of these pointers' step: none before each kernel has run once, since
  /// kernels may load code then.
  enum class Recording { notRun, run, tried } recording_ = Recording::notRun;
  std::unique_ptr<Replay> replay_;
  std::atomic<uint64_t> cancellations_ = 0;
};

}  // namespace mlpconv
