#include "backend.h"

#include <array>

namespace mlpconv {

namespace {

// Sizes pass through JavaScript, whose numbers are exact up to here.
constexpr int64_t maxBytes = (int64_t{1} << 53) - 1;

}  // namespace

size_t byteSize(DType dtype) {
  constexpr std::array<size_t, 7> sizes = {4, 2, 8, 4, 8, 1, 1};
  return sizes.at(static_cast<size_t>(dtype));
}

int64_t TensorSpec::elements() const {
  int64_t product = 1;
  for (const int64_t size : shape) {
    if (size < 0) throw ShapeError("expected dimensions of at least 0, received " + std::to_string(size));
    if (size != 0 && product > maxBytes / size) {
      throw ShapeError("expected a tensor of fewer than 2^53 elements");
    }
    product *= size;
  }
  return product;
}

size_t TensorSpec::bytes() const {
  const int64_t count = elements();
  const auto size = static_cast<int64_t>(byteSize(dtype));
  if (count > maxBytes / size) throw ShapeError("expected a tensor of fewer than 2^53 bytes");
  return static_cast<size_t>(count * size);
}

template <typename T>
const T& Attributes::read(const std::string& name, const char* type) const {
  const auto found = values_.find(name);
  if (found == values_.end()) {
    throw OptionError("attribute '" + name + "': expected " + type + ", received none");
  }
  const T* value = std::get_if<T>(&found->second);
  if (value == nullptr) {
    constexpr std::array<const char*, 4> types = {"a boolean", "a number", "a string", "an array of numbers"};
    throw OptionError("attribute '" + name + "': expected " + type + ", received " +
                      types.at(found->second.index()));
  }
  return *value;
}

namespace {

int64_t toInteger(const std::string& name, double value) {
  const auto limit = static_cast<double>(maxBytes);
  // Written so that NaN fails too.
  const bool inRange = value >= -limit && value <= limit;
  if (!inRange || value != static_cast<double>(static_cast<int64_t>(value))) {
    throw OptionError("attribute '" + name + "': expected an integer, received " + std::to_string(value));
  }
  return static_cast<int64_t>(value);
}

}  // namespace

bool Attributes::boolean(const std::string& name) const { return read<bool>(name, "a boolean"); }

double Attributes::number(const std::string& name) const { return read<double>(name, "a number"); }

int64_t Attributes::integer(const std::string& name) const {
  return toInteger(name, read<double>(name, "an integer"));
}

const std::string& Attributes::text(const std::string& name) const {
  return read<std::string>(name, "a string");
}

std::vector<double> Attributes::numbers(const std::string& name) const {
  return read<std::vector<double>>(name, "an array of numbers");
}

std::vector<int64_t> Attributes::integers(const std::string& name) const {
  std::vector<int64_t> integers;
  for (const double value : read<std::vector<double>>(name, "an array of integers")) {
    integers.push_back(toInteger(name, value));
  }
  return integers;
}

}  // namespace mlpconv
