#include "arguments.h"

#include <array>
#include <cmath>
#include <map>
#include <string_view>

namespace mlpconv {

namespace {

constexpr int64_t maxSafeInteger = (int64_t{1} << 53) - 1;

constexpr std::array<std::pair<std::string_view, DType>, 7> dtypes = {{
    {"float32", DType::float32},
    {"bfloat16", DType::bfloat16},
    {"float64", DType::float64},
    {"int32", DType::int32},
    {"int64", DType::int64},
    {"uint8", DType::uint8},
    {"opaque", DType::opaque},
}};

size_t elementSize(napi_typedarray_type type) {
  switch (type) {
    case napi_int8_array:
    case napi_uint8_array:
    case napi_uint8_clamped_array:
      return 1;
    case napi_int16_array:
    case napi_uint16_array:
      return 2;
    case napi_int32_array:
    case napi_uint32_array:
    case napi_float32_array:
      return 4;
    case napi_float64_array:
    case napi_bigint64_array:
    case napi_biguint64_array:
      return 8;
    default:
      return 0;
  }
}

}  // namespace

std::string Argument::received() const {
  switch (value_.Type()) {
    case napi_undefined:
      return "undefined";
    case napi_null:
      return "null";
    case napi_boolean:
      return value_.As<Napi::Boolean>() ? "true" : "false";
    case napi_number:
      return value_.ToString();
    case napi_string:
      return "a string";
    case napi_symbol:
      return "a symbol";
    case napi_function:
      return "a function";
    case napi_bigint:
      return "a bigint";
    default:
      return isArray() ? "an array" : "another object";
  }
}

void Argument::expected(const std::string& what) const {
  throw ArgumentError(path_ + ": expected " + what + ", received " + received());
}

bool Argument::boolean() const {
  if (!value_.IsBoolean()) expected("a boolean");
  return value_.As<Napi::Boolean>();
}

double Argument::number() const {
  if (!value_.IsNumber()) expected("a number");
  return value_.As<Napi::Number>();
}

int64_t Argument::integer(int64_t least, int64_t most) const {
  const double value = number();
  if (value != std::trunc(value) ||
      !(value >= static_cast<double>(least) && value <= static_cast<double>(most))) {
    throw OptionError(path_ + ": expected an integer of " + std::to_string(least) + " to " +
                      std::to_string(most) + ", received " + received());
  }
  return static_cast<int64_t>(value);
}

size_t Argument::size() const { return static_cast<size_t>(integer(0, maxSafeInteger)); }

std::string Argument::string() const {
  if (!value_.IsString()) expected("a string");
  return value_.As<Napi::String>();
}

std::span<const std::byte> Argument::bytes() const {
  const Napi::Env env = value_.Env();
  void* data = nullptr;
  size_t length = 0;
  if (value_.IsTypedArray()) {
    // Node leaves this as it is for a kind that it does not know.
    auto type = static_cast<napi_typedarray_type>(15);
    const napi_status status = napi_get_typedarray_info(env, value_, &type, &length, &data, nullptr, nullptr);
    const size_t size = elementSize(type);
    if (status != napi_ok || size == 0) expected("a typed array of a known kind");
    length *= size;
  } else if (value_.IsDataView()) {
    const napi_status status = napi_get_dataview_info(env, value_, &length, &data, nullptr, nullptr);
    if (status != napi_ok) expected("a readable DataView");
  } else {
    expected("an ArrayBufferView");
  }
  return {static_cast<const std::byte*>(data), length};
}

Napi::Object Argument::object() const {
  if (!value_.IsObject() || value_.IsFunction() || isArray()) expected("an object");
  return value_.As<Napi::Object>();
}

Napi::Array Argument::array() const {
  if (!isArray()) expected("an array");
  return value_.As<Napi::Array>();
}

Argument Argument::field(const char* name) const { return {object().Get(name), path_ + "." + name}; }

Argument Argument::element(uint32_t index) const {
  return {array().Get(index), path_ + "[" + std::to_string(index) + "]"};
}

Attributes Argument::attributes() const {
  const Napi::Object fields = object();
  const Napi::Array names = fields.GetPropertyNames();
  std::map<std::string, Attributes::Value> values;
  for (uint32_t i = 0; i < names.Length(); i++) {
    const std::string name = names.Get(i).ToString();
    const Argument value = field(name.c_str());
    if (value.value_.IsBoolean()) {
      values.emplace(name, value.boolean());
    } else if (value.value_.IsNumber()) {
      values.emplace(name, value.number());
    } else if (value.value_.IsString()) {
      values.emplace(name, value.string());
    } else if (value.isArray()) {
      values.emplace(name, value.map([](const Argument& element) { return element.number(); }));
    } else {
      value.expected("a boolean, a number, a string or an array of numbers");
    }
  }
  return Attributes(std::move(values));
}

TensorSpec Argument::tensorSpec() const {
  const Argument dtype = field("dtype");
  const std::string name = dtype.string();
  for (const auto& [known, value] : dtypes) {
    if (known == name) {
      return {value,
              field("shape").map([](const Argument& size) { return size.integer(0, maxSafeInteger); })};
    }
  }
  throw OptionError(dtype.path_ + ": expected an element type, received '" + name + "'");
}

KernelDescription Argument::kernelDescription() const {
  const auto spec = [](const Argument& argument) { return argument.tensorSpec(); };
  return {field("op").string(), field("attributes").attributes(), field("inputs").map(spec),
          field("outputs").map(spec)};
}

}  // namespace mlpconv
