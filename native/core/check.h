// What the descriptors check about a description; each error names the op, what it expects and what came.
#pragma once

#include <initializer_list>

#include "backend.h"
#include "bfloat16.h"

namespace mlpconv {

/// "float32[64,10]"
std::string toString(const TensorSpec& spec);

/// Throws OptionError, "<op>: expected <expectation>", if `holds` is false.
void checkOption(const KernelDescription& description, bool holds, const std::string& expectation);

/// Throws ShapeError, "<op>: expected <expectation>, received (<inputs>) -> (<outputs>)", if `holds` is
/// false.
void checkShape(const KernelDescription& description, bool holds, const std::string& expectation);

/// Throws DTypeError, in the same words.
void checkDType(const KernelDescription& description, bool holds, const std::string& expectation);

/// Checks the numbers of inputs and outputs, and that no size is less than 1 (an opaque tensor's are not
/// known yet).
void checkCounts(const KernelDescription& description, std::initializer_list<size_t> inputs, size_t outputs);

/// Checks that a tensor is `expected`.
void checkTensor(const KernelDescription& description, const std::string& name, const TensorSpec& tensor,
                 const TensorSpec& expected);

/// Checks that a tensor is of a T, which is float32 or bfloat16.
void checkElement(const KernelDescription& description, const std::string& name, const TensorSpec& tensor);

/// Calls `create` with a value of the T that `dtype` stands for, and returns what it returns.
template <typename Create>
auto withElement(DType dtype, const Create& create) {
  return dtype == DType::bfloat16 ? create(bfloat16{}) : create(float{});
}

}  // namespace mlpconv
