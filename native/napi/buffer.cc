#include "buffer.h"

namespace mlpconv {

BufferState::BufferState(Napi::Env environment, std::shared_ptr<DeviceState> owner, size_t bytes,
                         Contents contents)
    : env(environment), device(std::move(owner)), memory(device->device().allocate(bytes, contents)) {
  Napi::MemoryManagement::AdjustExternalMemory(env, static_cast<int64_t>(memory->bytes()));
}

BufferState::~BufferState() {
  // Not the C++ wrapper, which throws if the environment is ending.
  int64_t total = 0;
  napi_adjust_external_memory(env, -static_cast<int64_t>(memory->bytes()), &total);
}

Napi::Object NativeBuffer::allocate(Napi::Env env, const std::shared_ptr<DeviceState>& device, size_t bytes,
                                    Contents contents) {
  const Napi::Object object = create(env, std::make_shared<BufferState>(env, device, bytes, contents));
  object.DefineProperty(Napi::PropertyDescriptor::Value(
      "byteLength", Napi::Number::New(env, static_cast<double>(bytes)), napi_enumerable));
  return object;
}

}  // namespace mlpconv
