#include "check.h"

#include <algorithm>

namespace mlpconv {
namespace {

const char* name(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return "float32";
    case DType::bfloat16:
      return "bfloat16";
    case DType::float64:
      return "float64";
    case DType::int32:
      return "int32";
    case DType::int64:
      return "int64";
    case DType::uint8:
      return "uint8";
    case DType::opaque:
      return "opaque";
  }
  return "unknown";
}

template <typename Item, typename Print>
std::string join(const std::vector<Item>& items, const char* separator, const Print& print) {
  std::string text;
  for (const Item& item : items) text += (text.empty() ? "" : separator) + print(item);
  return text;
}

std::string message(const KernelDescription& description, const std::string& expectation) {
  return description.op + ": expected " + expectation + ", received (" +
         join(description.inputs, ", ", toString) + ") -> (" + join(description.outputs, ", ", toString) +
         ")";
}

}  // namespace

std::string toString(const TensorSpec& spec) {
  return std::string(name(spec.dtype)) + "[" +
         join(spec.shape, ",", [](int64_t size) { return std::to_string(size); }) + "]";
}

void checkOption(const KernelDescription& description, bool holds, const std::string& expectation) {
  if (!holds) throw OptionError(description.op + ": expected " + expectation);
}

void checkShape(const KernelDescription& description, bool holds, const std::string& expectation) {
  if (!holds) throw ShapeError(message(description, expectation));
}

void checkDType(const KernelDescription& description, bool holds, const std::string& expectation) {
  if (!holds) throw DTypeError(message(description, expectation));
}

void checkCounts(const KernelDescription& description, std::initializer_list<size_t> inputs, size_t outputs) {
  const std::string counts =
      join(std::vector<size_t>(inputs), " or ", [](size_t count) { return std::to_string(count); });
  checkShape(description,
             std::find(inputs.begin(), inputs.end(), description.inputs.size()) != inputs.end() &&
                 description.outputs.size() == outputs,
             counts + " inputs and " + std::to_string(outputs) + " outputs");
  for (const auto* tensors : {&description.inputs, &description.outputs}) {
    for (const TensorSpec& tensor : *tensors) {
      checkShape(description,
                 tensor.dtype == DType::opaque ||
                     std::all_of(tensor.shape.begin(), tensor.shape.end(), [](int64_t s) { return s > 0; }),
                 "sizes of at least 1");
    }
  }
}

void checkTensor(const KernelDescription& description, const std::string& name, const TensorSpec& tensor,
                 const TensorSpec& expected) {
  const std::string expectation = name + " to be " + toString(expected);
  checkDType(description, tensor.dtype == expected.dtype, expectation);
  checkShape(description, tensor.shape == expected.shape, expectation);
}

void checkElement(const KernelDescription& description, const std::string& name, const TensorSpec& tensor) {
  checkDType(description, tensor.dtype == DType::float32 || tensor.dtype == DType::bfloat16,
             name + " to be float32 or bfloat16");
}

}  // namespace mlpconv
