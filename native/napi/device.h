#pragma once

#include <memory>

#include "device_state.h"
#include "wrapped.h"

namespace mlpconv {

class NativeDevice : public Wrapped<NativeDevice, DeviceState> {
 public:
  static constexpr const char* name = "NativeDevice";
  using Wrapped::Wrapped;

  static void define(Napi::Env env);
  static Napi::Object open(Napi::Env env, const DeviceOptions& options);

 private:
  using State = std::shared_ptr<DeviceState>;

  static Napi::Value freeBytes(const Napi::CallbackInfo& info, const State& state);
  static Napi::Value createBuffer(const Napi::CallbackInfo& info, const State& state);
  static Napi::Value createKernels(const Napi::CallbackInfo& info, const State& state);
  static Napi::Value createPlan(const Napi::CallbackInfo& info, const State& state);
  static Napi::Value write(const Napi::CallbackInfo& info, const State& state);
  static Napi::Value read(const Napi::CallbackInfo& info, const State& state);
  static Napi::Value measurePeaks(const Napi::CallbackInfo& info, const State& state);
};

}  // namespace mlpconv
