#pragma once

#include <memory>

#include "../core/kernel.h"
#include "device_state.h"
#include "wrapped.h"

namespace mlpconv {

struct KernelState {
  std::shared_ptr<DeviceState> device;
  std::shared_ptr<const CompiledKernel> kernel;
};

class NativeKernel : public Wrapped<NativeKernel, KernelState> {
 public:
  static constexpr const char* name = "NativeKernel";
  using Wrapped::Wrapped;

  static void define(Napi::Env env) { Wrapped::define(env, {}); }
  /// With the packs' kernels as objects of their own.
  static Napi::Object wrap(Napi::Env env, const std::shared_ptr<DeviceState>& device,
                           const std::shared_ptr<const CompiledKernel>& kernel);
};

}  // namespace mlpconv
