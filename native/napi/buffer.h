#pragma once

#include <memory>

#include "device_state.h"
#include "wrapped.h"

namespace mlpconv {

/// Device memory that V8 knows the size of. Made and destroyed on the JavaScript thread.
struct BufferState {
  BufferState(Napi::Env environment, std::shared_ptr<DeviceState> owner, size_t bytes, Contents contents);
  BufferState(const BufferState&) = delete;
  BufferState& operator=(const BufferState&) = delete;
  ~BufferState();

  const Napi::Env env;
  const std::shared_ptr<DeviceState> device;
  const std::shared_ptr<Memory> memory;
};

class NativeBuffer : public Wrapped<NativeBuffer, BufferState> {
 public:
  static constexpr const char* name = "NativeBuffer";
  using Wrapped::Wrapped;

  static void define(Napi::Env env) { Wrapped::define(env, {disposeMethod()}); }
  static Napi::Object allocate(Napi::Env env, const std::shared_ptr<DeviceState>& device, size_t bytes,
                               Contents contents);
};

}  // namespace mlpconv
