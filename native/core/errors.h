// Typed errors. native/napi turns them into JavaScript errors with the same `code`; none crosses N-API as a
// C++ exception.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>

namespace mlpconv {

class Error : public std::runtime_error {
 public:
  Error(const char* code, const std::string& message) : std::runtime_error(message), code_(code) {}
  const char* code() const { return code_; }

 private:
  const char* code_;
};

class OptionError : public Error {
 public:
  explicit OptionError(const std::string& message) : Error("ERR_OPTION", message) {}
};

class ShapeError : public Error {
 public:
  explicit ShapeError(const std::string& message) : Error("ERR_SHAPE", message) {}
};

class DTypeError : public Error {
 public:
  explicit DTypeError(const std::string& message) : Error("ERR_DTYPE", message) {}
};

class DeviceError : public Error {
 public:
  explicit DeviceError(const std::string& message) : Error("ERR_DEVICE", message) {}
};

class DisposedError : public Error {
 public:
  explicit DisposedError(const std::string& message) : Error("ERR_DISPOSED", message) {}
};

class OutOfMemoryError : public Error {
 public:
  OutOfMemoryError(const std::string& message, size_t neededBytes, size_t freeBytes)
      : Error("ERR_OUT_OF_MEMORY", message), neededBytes_(neededBytes), freeBytes_(freeBytes) {}
  size_t neededBytes() const { return neededBytes_; }
  size_t freeBytes() const { return freeBytes_; }

 private:
  size_t neededBytes_;
  size_t freeBytes_;
};

}  // namespace mlpconv
