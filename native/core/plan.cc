#include "plan.h"

#include <algorithm>
#include <chrono>
#include <string>

namespace mlpconv {

namespace {

void expectCount(const CompiledKernel& kernel, const char* kind, size_t expected, size_t received) {
  if (received == expected) return;
  throw OptionError(kernel.op + ": expected " + std::to_string(expected) + " " + kind +
                    (expected == 1 ? "" : "s") + ", received " + std::to_string(received));
}

}  // namespace

Plan::Plan(const std::vector<size_t>& slotBytes, const std::vector<Stage>& stages,
           const std::vector<size_t>& scratch) {
  for (const size_t bytes : slotBytes) slots_.push_back({bytes, 1});
  for (const size_t slot : scratch) {
    if (slot >= slots_.size()) {
      throw OptionError("scratch: expected one of the plan's " + std::to_string(slots_.size()) +
                        " slots, received " + std::to_string(slot));
    }
    scratch_.push_back({slot, nullptr});
  }
  for (const Stage& stage : stages) {
    if (stage.repeat < 1) {
      throw OptionError("expected a stage to repeat at least once, received " + std::to_string(stage.repeat));
    }
    const size_t begin = calls_.size();
    for (const KernelCall& call : stage.kernels) add(call);
    if (calls_.size() > begin) stages_.push_back({stage.repeat, begin, calls_.size()});
  }
  pointers_.resize(locations_.size());
}

void Plan::add(const KernelCall& call) {
  const CompiledKernel& kernel = *call.kernel;
  expectCount(kernel, "input", kernel.inputs.size(), call.inputs.size());
  expectCount(kernel, "output", kernel.outputs.size(), call.outputs.size());

  calls_.push_back({call.kernel, locations_.size()});
  for (size_t i = 0; i < call.inputs.size(); i++) place(kernel, "input", i, call.inputs[i], kernel.inputs[i]);
  for (size_t i = 0; i < call.outputs.size(); i++) {
    place(kernel, "output", i, call.outputs[i], kernel.outputs[i]);
  }
  if (kernel.workspace.bytes > 0) {
    if (!call.workspace) {
      throw OptionError(kernel.op + ": expected a workspace of " + std::to_string(kernel.workspace.bytes) +
                        " bytes, received none");
    }
    place(kernel, "workspace", 0, *call.workspace, kernel.workspace);
  }
}

void Plan::place(const CompiledKernel& kernel, const char* kind, size_t index, Location location,
                 Extent extent) {
  const auto fail = [&](const std::string& expected) {
    throw OptionError(kernel.op + ": " + kind + " " + std::to_string(index) + " at slot " +
                      std::to_string(location.slot) + " + " + std::to_string(location.byteOffset) +
                      " bytes: " + expected);
  };
  if (location.slot >= slots_.size()) {
    fail("expected one of the plan's " + std::to_string(slots_.size()) + " slots");
  }
  Slot& slot = slots_[location.slot];
  if (location.byteOffset > slot.bytes || extent.bytes > slot.bytes - location.byteOffset) {
    fail("its " + std::to_string(extent.bytes) + " bytes do not fit into the slot's " +
         std::to_string(slot.bytes));
  }
  if (location.byteOffset % extent.alignment != 0) {
    fail("expected an offset that is a multiple of " + std::to_string(extent.alignment));
  }
  slot.alignment = std::max(slot.alignment, extent.alignment);
  locations_.push_back(location);
}

Plan::Binding Plan::bind(std::span<const std::span<std::byte>> memory) const {
  if (memory.size() != slots_.size()) {
    throw OptionError("expected a buffer for each of the plan's " + std::to_string(slots_.size()) +
                      " slots, received " + std::to_string(memory.size()));
  }
  Binding binding;
  for (size_t i = 0; i < slots_.size(); i++) {
    if (memory[i].size() < slots_[i].bytes) {
      throw OptionError("slot " + std::to_string(i) + ": expected a buffer with at least " +
                        std::to_string(slots_[i].bytes) + " bytes behind its offset, received " +
                        std::to_string(memory[i].size()));
    }
    if (reinterpret_cast<uintptr_t>(memory[i].data()) % slots_[i].alignment != 0) {
      throw OptionError("slot " + std::to_string(i) + ": expected an offset that is a multiple of " +
                        std::to_string(slots_[i].alignment));
    }
    binding.slots_.push_back(memory[i].data());
  }
  binding.cancellations_ = cancellations_;
  return binding;
}

int64_t Plan::run(Device& device, const Binding& binding, int64_t steps, const std::atomic<bool>& stopping) {
  const auto runKernel = [this](size_t c) { runCall(c); };
  const auto step = [&](const std::atomic<bool>& stop) { return runStep(device, stop, runKernel); };
  point(binding);
  int64_t done = 0;
  while (done < steps && mayBegin(binding, stopping)) {
    if (recording_ == Recording::run) {
      recording_ = Recording::tried;
      // One reference, for which std::function allocates nothing.
      replay_ = device.record([&step] { step(false); });
    }
    if (replay_) {
      replay_->run();
    } else if (!step(stopping)) {
      break;
    }
    if (recording_ == Recording::notRun) recording_ = Recording::run;
    done++;
  }
  return done;
}

Profile Plan::profile(Device& device, const Binding& binding, int64_t steps,
                      const std::atomic<bool>& stopping) {
  using Clock = std::chrono::steady_clock;
  const auto since = [](Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  Profile profile = {.kernelSeconds = std::vector<double>(calls_.size())};
  const auto runKernel = [&](size_t c) {
    const Clock::time_point start = Clock::now();
    runCall(c);
    device.synchronize();
    profile.kernelSeconds[c] += since(start);
  };
  point(binding);
  device.synchronize();
  const Clock::time_point start = Clock::now();
  while (profile.steps < steps && mayBegin(binding, stopping) && runStep(device, stopping, runKernel)) {
    profile.steps++;
  }
  profile.seconds = since(start);
  return profile;
}

bool Plan::mayBegin(const Binding& binding, const std::atomic<bool>& stopping) const {
  return cancellations_ == binding.cancellations_ && !stopping;
}

void Plan::point(const Binding& binding) {
  bool same = true;
  for (size_t i = 0; i < locations_.size(); i++) {
    void* const pointer = binding.slots_[locations_[i].slot] + locations_[i].byteOffset;
    same = same && pointers_[i] == pointer;
    pointers_[i] = pointer;
  }
  for (Scratch& scratch : scratch_) {
    std::byte* const data = binding.slots_[scratch.slot];
    same = same && scratch.data == data;
    scratch.data = data;
  }
  if (same) return;
  recording_ = Recording::notRun;
  replay_.reset();
}

template <typename RunKernel>
bool Plan::runStep(Device& device, const std::atomic<bool>& stopping, const RunKernel& runKernel) {
  for (const Scratch& scratch : scratch_) device.discard(scratch.data, slots_[scratch.slot].bytes);
  for (const CallRange& stage : stages_) {
    for (int64_t i = 0; i < stage.repeat; i++) {
      for (size_t c = stage.begin; c < stage.end; c++) {
        if (stopping) return false;
        runKernel(c);
      }
    }
  }
  return !stopping;
}

void Plan::runCall(size_t c) {
  const Call& call = calls_[c];
  const CompiledKernel& kernel = *call.kernel;
  const std::span<void* const> pointers = std::span(pointers_).subspan(call.first);
  const size_t inputs = kernel.inputs.size();
  const size_t outputs = kernel.outputs.size();
  void* const workspace = kernel.workspace.bytes > 0 ? pointers[inputs + outputs] : nullptr;
  const Arguments arguments = {pointers.first(inputs), pointers.subspan(inputs, outputs), workspace};
  namingOp(kernel.op, [&] { kernel.kernel->run(arguments); });
}

}  // namespace mlpconv
