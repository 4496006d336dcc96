#include "plan.h"

#include <span>
#include <string>
#include <vector>

#include "buffer.h"
#include "kernel.h"

namespace mlpconv {

namespace {

Location toLocation(const Argument& argument) {
  return {argument.field("slot").size(), argument.field("byteOffset").size()};
}

std::optional<Location> toWorkspace(const Argument& argument) {
  if (argument.isUndefined()) return std::nullopt;
  return toLocation(argument);
}

}  // namespace

void NativePlan::define(Napi::Env env) {
  Wrapped::define(env, {method<run>("run"), method<profile>("profile"), method<cancel>("cancel")});
}

Napi::Object NativePlan::fromDescription(Napi::Env env, const std::shared_ptr<DeviceState>& device,
                                         const Argument& description) {
  const auto toCall = [&](const Argument& call) -> KernelCall {
    return {NativeKernel::state(call.field("kernel"), device)->kernel, call.field("inputs").map(toLocation),
            call.field("outputs").map(toLocation), toWorkspace(call.field("workspace"))};
  };
  const auto toStage = [&](const Argument& stage) -> Stage {
    return {static_cast<int64_t>(stage.field("repeat").size()), stage.field("kernels").map(toCall)};
  };
  const std::vector<size_t> slots =
      description.field("slots").map([](const Argument& bytes) { return bytes.size(); });
  const std::vector<Stage> stages = description.field("stages").map(toStage);
  const Argument scratch = description.field("scratch");
  const std::vector<size_t> scratchSlots =
      scratch.isUndefined() ? std::vector<size_t>()
                            : scratch.map([](const Argument& slot) { return slot.size(); });
  return create(env, std::make_shared<PlanState>(device, slots, stages, scratchSlots));
}

/// What `run` and `profile` are called with: how many steps, and in which memory.
struct NativePlan::Run {
  int64_t steps;
  /// Keeps the memory alive.
  std::vector<std::shared_ptr<BufferState>> buffers;
  Plan::Binding binding;

  Run(const Napi::CallbackInfo& info, const PlanState& state)
      : steps(static_cast<int64_t>(Argument(info[0], "steps").size())),
        buffers(Argument(info[1], "buffers").map([&](const Argument& buffer) {
          return NativeBuffer::state(buffer, state.device);
        })),
        binding(state.plan.bind(memory(Argument(info[2], "byteOffsets")))) {}

 private:
  std::vector<std::span<std::byte>> memory(const Argument& argument) const {
    const auto byteOffsets = argument.map([](const Argument& byteOffset) { return byteOffset.size(); });
    if (byteOffsets.size() != buffers.size()) {
      throw OptionError("byteOffsets: expected one for each of the " + std::to_string(buffers.size()) +
                        " buffers, received " + std::to_string(byteOffsets.size()));
    }
    std::vector<std::span<std::byte>> memory;
    for (size_t i = 0; i < buffers.size(); i++) {
      const Memory& bound = *buffers[i]->memory;
      if (byteOffsets[i] > bound.bytes()) {
        throw OptionError("byteOffsets[" + std::to_string(i) + "]: expected at most the buffer's " +
                          std::to_string(bound.bytes()) + " bytes, received " +
                          std::to_string(byteOffsets[i]));
      }
      memory.push_back(
          std::span(static_cast<std::byte*>(bound.data()), bound.bytes()).subspan(byteOffsets[i]));
    }
    return memory;
  }
};

Napi::Value NativePlan::run(const Napi::CallbackInfo& info, const std::shared_ptr<PlanState>& state) {
  return state->device->submit(
      info.Env(),
      [state, run = Run(info, *state)](Device& device, const std::atomic<bool>& stopping) {
        return state->plan.run(device, run.binding, run.steps, stopping);
      },
      [](Napi::Env env, int64_t done) { return Napi::Number::New(env, static_cast<double>(done)); });
}

Napi::Value NativePlan::profile(const Napi::CallbackInfo& info, const std::shared_ptr<PlanState>& state) {
  return state->device->submit(
      info.Env(),
      [state, run = Run(info, *state)](Device& device, const std::atomic<bool>& stopping) {
        return state->plan.profile(device, run.binding, run.steps, stopping);
      },
      [](Napi::Env env, const Profile& profile) {
        const Napi::Array kernelSeconds = Napi::Array::New(env);
        for (const double seconds : profile.kernelSeconds) kernelSeconds.Set(kernelSeconds.Length(), seconds);
        const Napi::Object object = Napi::Object::New(env);
        object.Set("steps", static_cast<double>(profile.steps));
        object.Set("seconds", profile.seconds);
        object.Set("kernelSeconds", kernelSeconds);
        return object;
      });
}

Napi::Value NativePlan::cancel(const Napi::CallbackInfo& info, const std::shared_ptr<PlanState>& state) {
  state->plan.cancel();
  return info.Env().Undefined();
}

}  // namespace mlpconv
