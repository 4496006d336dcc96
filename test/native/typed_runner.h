// Runs kernels whose tensors are of any type and whose inputs may be written, on several numbers of threads.
#pragma once

#include <cmath>
#include <limits>

#include "../../native/onednn/device.h"
#include "kernel_runner.h"

namespace mlpconv::test {

using AttributeMap = std::map<std::string, Attributes::Value>;

constexpr DType elementTypes[] = {DType::float32, DType::bfloat16};

template <typename T>
constexpr DType dtypeOf = std::is_same_v<T, float>     ? DType::float32
                          : std::is_same_v<T, double>  ? DType::float64
                          : std::is_same_v<T, int32_t> ? DType::int32
                          : std::is_same_v<T, int64_t> ? DType::int64
                                                       : DType::uint8;

template <typename T>
Tensor typed(std::vector<int64_t> shape, const std::vector<T>& values) {
  Bytes bytes(values.size() * sizeof(T));
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  Tensor tensor(std::move(bytes));
  tensor.spec = {dtypeOf<T>, std::move(shape)};
  check(tensor.spec.bytes() == tensor.bytes.size(), "as many values as " + toString(tensor.spec) + " has");
  return tensor;
}

/// A vector of them.
template <typename T>
Tensor typed(const std::vector<T>& values) {
  return typed({static_cast<int64_t>(values.size())}, values);
}

template <typename T>
std::vector<T> valuesOf(const Bytes& bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

/// What tensors hold after a run.
struct Results {
  std::vector<Bytes> inputs;
  std::vector<Bytes> outputs;

  bool operator==(const Results&) const = default;
};

inline std::shared_ptr<Kernel> createKernel(Device& device, const std::string& op,
                                            const AttributeMap& attributes, const std::vector<Tensor>& inputs,
                                            const std::vector<TensorSpec>& outputs) {
  KernelDescription description = {op, Attributes(attributes), {}, outputs};
  for (const Tensor& input : inputs) description.inputs.push_back(input.spec);
  return device.createKernel(description);
}

inline Results runTyped(int threads, const std::string& op, const AttributeMap& attributes,
                        const std::vector<Tensor>& inputs, const std::vector<TensorSpec>& outputs,
                        bool inPlace = false) {
  OneDnnDevice device({.index = 0, .threads = threads});
  const std::shared_ptr<Kernel> kernel = createKernel(device, op, attributes, inputs, outputs);
  Workbench bench;
  std::vector<void*> from, to;
  for (const Tensor& input : inputs) {
    from.push_back(bench.place(input.bytes.size(), byteSize(input.spec.dtype), input.bytes));
  }
  for (const TensorSpec& output : outputs) {
    to.push_back(inPlace && to.empty() ? from[0] : bench.place(output.bytes(), byteSize(output.dtype)));
  }
  constexpr size_t workspaceAlignment = 64;
  kernel->run({from, to, bench.place(kernel->workspaceBytes(), workspaceAlignment)});
  bench.verify(op);
  const auto contents = [](const std::vector<void*>& places, const auto& tensors, const auto& bytesOf) {
    std::vector<Bytes> all;
    for (size_t i = 0; i < places.size(); ++i) {
      const auto* const data = static_cast<const std::byte*>(places[i]);
      all.emplace_back(data, data + bytesOf(tensors[i]));
    }
    return all;
  };
  return {contents(from, inputs, [](const Tensor& tensor) { return tensor.bytes.size(); }),
          contents(to, outputs, [](const TensorSpec& spec) { return spec.bytes(); })};
}

/// On one, two and three threads, whose results must be the same to the bit.
inline Results runTyped(const std::string& op, const AttributeMap& attributes,
                        const std::vector<Tensor>& inputs, const std::vector<TensorSpec>& outputs,
                        bool inPlace = false) {
  const Results results = runTyped(1, op, attributes, inputs, outputs, inPlace);
  for (const int threads : {2, 3}) {
    check(runTyped(threads, op, attributes, inputs, outputs, inPlace) == results,
          op + " to give the same bits on " + std::to_string(threads) + " threads as on one");
  }
  return results;
}

/// Fails unless making the kernel throws an E that says `part` and names the op.
template <typename E>
void checkRefused(const std::string& op, const AttributeMap& attributes, const std::vector<Tensor>& inputs,
                  const std::vector<TensorSpec>& outputs, const std::string& part,
                  const std::source_location& location = std::source_location::current()) {
  OneDnnDevice device({.index = 0, .threads = 1});
  const auto create = [&] { createKernel(device, op, attributes, inputs, outputs); };
  checkThrows<E>(create, part, location);
  checkThrows<E>(create, op, location);
}

/// Random values in [-1, 1), the same for the same seed.
inline Values randomValues(int64_t count, unsigned seed) {
  Values values(static_cast<size_t>(count));
  uint64_t state = seed;
  for (double& value : values) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    value = static_cast<double>(static_cast<int64_t>(state) >> 40) / 0x1p23;
  }
  return values;
}

/// Fails unless both are equal, or NaN, or differ by no more than `tolerance` times the RMS of `expected`.
inline void checkClose(const Values& actual, const Values& expected, double tolerance,
                       const std::string& what,
                       const std::source_location& location = std::source_location::current()) {
  check(actual.size() == expected.size(), what + " to have " + std::to_string(expected.size()) + " elements",
        location);
  double squares = 0;
  for (const double value : expected) squares += std::isfinite(value) ? value * value : 0;
  const double allowed = tolerance * std::sqrt(squares / static_cast<double>(expected.size()));
  for (size_t i = 0; i < actual.size(); ++i) {
    check(actual[i] == expected[i] || std::abs(actual[i] - expected[i]) <= allowed ||
              (std::isnan(actual[i]) && std::isnan(expected[i])),
          what + "[" + std::to_string(i) + "] to be " + std::to_string(expected[i]) + ", received " +
              std::to_string(actual[i]),
          location);
  }
}

inline Values toDoubles(const std::vector<float>& values) { return Values(values.begin(), values.end()); }

}  // namespace mlpconv::test
