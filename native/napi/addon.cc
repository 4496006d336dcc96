// What `require` of the addon gives.
#include <napi.h>

#include <limits>
#include <memory>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "../core/backend.h"
#include "addon_data.h"
#include "arguments.h"
#include "buffer.h"
#include "device.h"
#include "errors.h"
#include "kernel.h"
#include "plan.h"

namespace mlpconv {

namespace {

Napi::Value toValue(Napi::Env env, const Attributes::Value& value) {
  return std::visit(
      [env](const auto& content) -> Napi::Value {
        using Content = std::decay_t<decltype(content)>;
        if constexpr (std::is_same_v<Content, std::vector<double>>) {
          const Napi::Array array = Napi::Array::New(env);
          for (const double number : content) array.Set(array.Length(), number);
          return array;
        } else {
          return Napi::Value::From(env, content);
        }
      },
      value);
}

Napi::Value info(const Napi::CallbackInfo& info) {
  Napi::Object facts = Napi::Object::New(info.Env());
  for (const auto& [name, value] : backend().info()) facts.Set(name, toValue(info.Env(), value));
  return facts;
}

Napi::Value createDevice(const Napi::CallbackInfo& info) {
  const Argument options(info[0], "options");
  constexpr int most = std::numeric_limits<int>::max();
  const Argument properties = options.field("properties");
  const Argument autotune = options.field("autotune");
  return NativeDevice::open(info.Env(), {static_cast<int>(options.field("index").integer(0, most)),
                                         static_cast<int>(options.field("threads").integer(0, most)),
                                         properties.isUndefined() ? std::string() : properties.string(),
                                         !autotune.isUndefined() && autotune.boolean()});
}

template <Napi::Value (*body)(const Napi::CallbackInfo&)>
Napi::PropertyDescriptor function(const char* name) {
  const auto callback = [](napi_env env, napi_callback_info raw) -> napi_value {
    return guard(env, [&]() -> napi_value { return body(Napi::CallbackInfo(env, raw)); });
  };
  return napi_property_descriptor{name,    nullptr, callback,        nullptr,
                                  nullptr, nullptr, napi_enumerable, nullptr};
}

}  // namespace

Napi::Object init(Napi::Env env, Napi::Object exports) {
  guard(env, [&]() -> napi_value {
    env.SetInstanceData(std::make_unique<AddonData>().release());
    NativeDevice::define(env);
    NativeBuffer::define(env);
    NativeKernel::define(env);
    NativePlan::define(env);

    const Napi::Array ops = Napi::Array::New(env);
    for (const std::string& op : backend().ops()) ops.Set(ops.Length(), op);
    exports.DefineProperties(
        {Napi::PropertyDescriptor::Value("backend", Napi::String::New(env, backend().name), napi_enumerable),
         Napi::PropertyDescriptor::Value("ops", ops, napi_enumerable), function<info>("info"),
         function<createDevice>("createDevice")});
    return exports;
  });
  return exports;
}

}  // namespace mlpconv

using mlpconv::init;
NODE_API_MODULE(NODE_GYP_MODULE_NAME, init)
