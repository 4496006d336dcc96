#include "device.h"

#include <string>
#include <vector>

#include "buffer.h"
#include "kernel.h"
#include "plan.h"

namespace mlpconv {

namespace {

using Kernels = std::vector<std::shared_ptr<const CompiledKernel>>;

void checkRange(const Memory& memory, size_t byteOffset, size_t bytes) {
  if (byteOffset <= memory.bytes() && bytes <= memory.bytes() - byteOffset) return;
  throw OptionError("expected a range within the buffer's " + std::to_string(memory.bytes()) +
                    " bytes, received " + std::to_string(bytes) + " from byte " + std::to_string(byteOffset));
}

Contents readContents(const Argument& argument) {
  if (argument.isUndefined()) return Contents::zeros;
  const std::string name = argument.string();
  if (name == "zeros") return Contents::zeros;
  if (name == "undefined") return Contents::undefined;
  throw OptionError("contents: expected 'zeros' or 'undefined', received '" + name + "'");
}

/// Made by JavaScript's own constructor, since N-API's ends the process when there is no memory.
Napi::ArrayBuffer createArrayBuffer(Napi::Env env, size_t bytes) {
  const Napi::Function constructor = env.Global().Get("ArrayBuffer").As<Napi::Function>();
  try {
    const Napi::Value made = constructor.New({Napi::Number::New(env, static_cast<double>(bytes))});
    if (made.IsArrayBuffer() && made.As<Napi::ArrayBuffer>().ByteLength() == bytes)
      return made.As<Napi::ArrayBuffer>();
  } catch (const Napi::Error&) {
    // A RangeError, which says no more than the error below.
  }
  throw OutOfMemoryError(
      "read: the host has no room for " + std::to_string(bytes) + " bytes in one ArrayBuffer", bytes, 0);
}

}  // namespace

void NativeDevice::define(Napi::Env env) {
  Wrapped::define(
      env, {method<freeBytes>("freeBytes"), method<createBuffer>("createBuffer"),
            method<createKernels>("createKernels"), method<createPlan>("createPlan"), method<write>("write"),
            method<read>("read"), method<measurePeaks>("measurePeaks"), disposeMethod()});
}

Napi::Object NativeDevice::open(Napi::Env env, const DeviceOptions& options) {
  const State state = DeviceState::create(env, options);
  const Napi::Object object = create(env, state);
  object.DefineProperty(Napi::PropertyDescriptor::Value(
      "threads", Napi::Number::New(env, state->device().threads()), napi_enumerable));
  return object;
}

Napi::Value NativeDevice::freeBytes(const Napi::CallbackInfo& info, const State& state) {
  return Napi::Number::New(info.Env(), static_cast<double>(state->device().freeBytes()));
}

Napi::Value NativeDevice::createBuffer(const Napi::CallbackInfo& info, const State& state) {
  const size_t bytes = Argument(info[0], "bytes").size();
  if (bytes == 0) throw OptionError("bytes: expected a buffer of at least one byte, received 0");
  return NativeBuffer::allocate(info.Env(), state, bytes, readContents({info[1], "contents"}));
}

Napi::Value NativeDevice::createKernels(const Napi::CallbackInfo& info, const State& state) {
  auto descriptions = Argument(info[0], "descriptions").map([](const Argument& description) {
    return description.kernelDescription();
  });
  return state->submit(
      info.Env(),
      [descriptions = std::move(descriptions)](Device& device, const std::atomic<bool>& stopping) {
        return compileKernels(device, descriptions, stopping);
      },
      [state](Napi::Env env, const Kernels& kernels) {
        const Napi::Array array = Napi::Array::New(env);
        for (const auto& kernel : kernels) array.Set(array.Length(), NativeKernel::wrap(env, state, kernel));
        return array;
      });
}

Napi::Value NativeDevice::createPlan(const Napi::CallbackInfo& info, const State& state) {
  state->device();
  return NativePlan::fromDescription(info.Env(), state, Argument(info[0], "plan"));
}

Napi::Value NativeDevice::write(const Napi::CallbackInfo& info, const State& state) {
  const std::shared_ptr<BufferState> buffer = NativeBuffer::state({info[0], "buffer"}, state);
  const size_t byteOffset = Argument(info[1], "byteOffset").size();
  const std::span<const std::byte> data = Argument(info[2], "data").bytes();
  checkRange(*buffer->memory, byteOffset, data.size());
  return state->submit(
      info.Env(),
      [buffer, byteOffset, copy = std::vector(data.begin(), data.end())](Device& device,
                                                                         const std::atomic<bool>&) {
        if (!copy.empty()) device.write(*buffer->memory, byteOffset, copy.data(), copy.size());
        return true;
      },
      [](Napi::Env env, bool) { return env.Undefined(); });
}

Napi::Value NativeDevice::read(const Napi::CallbackInfo& info, const State& state) {
  const std::shared_ptr<BufferState> buffer = NativeBuffer::state({info[0], "buffer"}, state);
  const size_t byteOffset = Argument(info[1], "byteOffset").size();
  const size_t bytes = Argument(info[2], "byteLength").size();
  checkRange(*buffer->memory, byteOffset, bytes);
  // JavaScript cannot reach it before the promise resolves, so it can be written to on the worker thread.
  Napi::ArrayBuffer target = createArrayBuffer(info.Env(), bytes);
  return state->submit(
      info.Env(),
      [buffer, byteOffset, bytes, data = target.Data()](Device& device, const std::atomic<bool>&) {
        if (bytes > 0) device.read(*buffer->memory, byteOffset, data, bytes);
        return true;
      },
      [reference = Napi::Persistent(target)](Napi::Env, bool) { return reference.Value(); });
}

Napi::Value NativeDevice::measurePeaks(const Napi::CallbackInfo& info, const State& state) {
  return state->submit(
      info.Env(), [](Device& device, const std::atomic<bool>&) { return device.measurePeaks(); },
      [](Napi::Env env, const std::optional<Peaks>& peaks) -> Napi::Value {
        if (!peaks) return env.Undefined();
        const Napi::Object object = Napi::Object::New(env);
        object.Set("flops", peaks->flops);
        object.Set("bandwidth", peaks->bandwidth);
        return object;
      });
}

}  // namespace mlpconv
