#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "../core/plan.h"
#include "device_state.h"
#include "wrapped.h"

namespace mlpconv {

struct PlanState {
  PlanState(std::shared_ptr<DeviceState> owner, const std::vector<size_t>& slotBytes,
            const std::vector<Stage>& stages, const std::vector<size_t>& scratch)
      : device(std::move(owner)), plan(slotBytes, stages, scratch) {}

  std::shared_ptr<DeviceState> device;
  Plan plan;
};

class NativePlan : public Wrapped<NativePlan, PlanState> {
 public:
  static constexpr const char* name = "NativePlan";
  using Wrapped::Wrapped;

  static void define(Napi::Env env);
  /// Makes a plan from a PlanDescription of kernels of the device.
  static Napi::Object fromDescription(Napi::Env env, const std::shared_ptr<DeviceState>& device,
                                      const Argument& description);

 private:
  struct Run;

  static Napi::Value run(const Napi::CallbackInfo& info, const std::shared_ptr<PlanState>& state);
  static Napi::Value profile(const Napi::CallbackInfo& info, const std::shared_ptr<PlanState>& state);
  static Napi::Value cancel(const Napi::CallbackInfo& info, const std::shared_ptr<PlanState>& state);
};

}  // namespace mlpconv
