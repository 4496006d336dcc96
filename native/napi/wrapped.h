// JavaScript objects that own a native state.
#pragma once

#include <napi.h>

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../core/backend.h"
#include "addon_data.h"
#include "arguments.h"
#include "errors.h"

namespace mlpconv {

/// The class T (whose name is `T::name`) of objects that own a State. One without a state is disposed: so is
/// any that JavaScript makes by calling the constructor itself. Objects are known by a type tag of their
/// class and backend, so that one of another class or backend is an error.
template <typename T, typename State>
class Wrapped : public Napi::ObjectWrap<T> {
 public:
  explicit Wrapped(const Napi::CallbackInfo& info) : Napi::ObjectWrap<T>(info) {
    const napi_type_tag tag = typeTag();
    this->Value().TypeTag(&tag);
  }

  static Napi::Object create(Napi::Env env, std::shared_ptr<State> state) {
    const Napi::Object object = AddonData::of(env).constructors.at(T::name).New({});
    T::Unwrap(object)->state_ = std::move(state);
    return object;
  }

  /// Throws ArgumentError if the value is something else and DisposedError if it has no state.
  static const std::shared_ptr<State>& state(const Argument& argument) {
    const std::shared_ptr<State>& state = unwrap(argument).state_;
    if (state == nullptr) throw DisposedError(argument.path() + ": this " + T::name + " was disposed");
    return state;
  }

  /// Also throws OptionError if it belongs to another device.
  static std::shared_ptr<State> state(const Argument& argument, const std::shared_ptr<DeviceState>& device) {
    const std::shared_ptr<State>& found = state(argument);
    if (found->device != device) {
      throw OptionError(argument.path() + ": this " + T::name + " belongs to another device");
    }
    return found;
  }

 protected:
  using Method = Napi::ClassPropertyDescriptor<T>;

  static void define(Napi::Env env, const std::vector<Method>& methods) {
    AddonData::of(env).constructors[T::name] = Napi::Persistent(T::DefineClass(env, T::name, methods));
  }

  /// A method `body(info, state)`.
  template <auto body>
  static Method method(const char* name) {
    return descriptor(name, [](napi_env env, napi_callback_info raw) -> napi_value {
      return guard(env, [&]() -> napi_value {
        const Napi::CallbackInfo info(env, raw);
        // A copy: `body` may run JavaScript that disposes the object.
        const std::shared_ptr<State> owned = state({info.This(), "this"});
        return body(info, owned);
      });
    });
  }

  /// The method `dispose`, which may be called any number of times.
  static Method disposeMethod() {
    return descriptor("dispose", [](napi_env env, napi_callback_info raw) -> napi_value {
      return guard(env, [&]() -> napi_value {
        const Napi::CallbackInfo info(env, raw);
        const std::shared_ptr<State> state = std::exchange(unwrap({info.This(), "this"}).state_, nullptr);
        if constexpr (requires { state->dispose(); }) {
          if (state != nullptr) state->dispose();
        }
        return info.Env().Undefined();
      });
    });
  }

 private:
  static Method descriptor(const char* name, napi_callback callback) {
    return napi_property_descriptor{name,   nullptr, callback, nullptr, nullptr, nullptr, napi_default_method,
                                    nullptr};
  }

  static T& unwrap(const Argument& argument) {
    const napi_type_tag tag = typeTag();
    if (!argument.value().IsObject() || !argument.value().template As<Napi::Object>().CheckTypeTag(&tag)) {
      argument.expected(std::string("a ") + T::name + " of " + backend().name);
    }
    return *T::Unwrap(argument.value().template As<Napi::Object>());
  }

  static napi_type_tag typeTag() { return {hash(T::name), hash(backend().name)}; }

  /// FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/.
  static constexpr uint64_t hash(std::string_view text) {
    uint64_t value = 0xcbf29ce484222325;
    for (const char letter : text) value = (value ^ static_cast<unsigned char>(letter)) * 0x100000001b3;
    return value;
  }

  std::shared_ptr<State> state_;
};

}  // namespace mlpconv
