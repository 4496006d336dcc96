// Reading JavaScript values with a check of each, so that no call can bring down the process.
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "../core/backend.h"
#include "errors.h"

namespace mlpconv {

/// A value and where it stands, such as `stages[0].kernels[2].inputs`. Readers throw ArgumentError for
/// another type and OptionError for a value out of range.
class Argument {
 public:
  Argument(Napi::Value value, std::string path) : value_(value), path_(std::move(path)) {}

  const Napi::Value& value() const { return value_; }
  const std::string& path() const { return path_; }
  bool isUndefined() const { return value_.IsUndefined(); }

  bool boolean() const;
  double number() const;
  /// An integer of `least` to `most`.
  int64_t integer(int64_t least, int64_t most) const;
  /// An integer of 0 to 2^53 - 1, as all sizes, counts and offsets are.
  size_t size() const;
  std::string string() const;
  /// The bytes of an ArrayBufferView. They are JavaScript's: copy them before the call ends.
  std::span<const std::byte> bytes() const;

  /// A field of an object.
  Argument field(const char* name) const;
  /// Whether it is an array.
  bool isArray() const { return value_.IsArray(); }
  /// What `read` makes of each element of an array.
  template <typename Read>
  auto map(const Read& read) const {
    const uint32_t length = array().Length();
    std::vector<decltype(read(*this))> results;
    for (uint32_t i = 0; i < length; i++) results.push_back(read(element(i)));
    return results;
  }

  Attributes attributes() const;
  TensorSpec tensorSpec() const;
  KernelDescription kernelDescription() const;

  [[noreturn]] void expected(const std::string& what) const;
  /// The value in words.
  std::string received() const;

 private:
  Napi::Object object() const;
  Napi::Array array() const;
  Argument element(uint32_t index) const;

  Napi::Value value_;
  std::string path_;
};

}  // namespace mlpconv
