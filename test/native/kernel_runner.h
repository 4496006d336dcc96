// Runs a kernel as a plan does, on memory of the exact sizes that it asked for.
#pragma once

#include <cstddef>
#include <cstring>
#include <deque>
#include <optional>
#include <vector>

#include "../../native/core/backend.h"
#include "../../native/core/bfloat16.h"
#include "../../native/core/check.h"
#include "guarded_memory.h"

namespace mlpconv::test {

using Bytes = std::vector<std::byte>;
using Values = std::vector<double>;

template <typename T>
Bytes encodeAs(const Values& values) {
  Bytes bytes(values.size() * sizeof(T));
  for (size_t i = 0; i < values.size(); ++i) {
    const T value(static_cast<float>(values[i]));
    std::memcpy(bytes.data() + i * sizeof(T), &value, sizeof(T));
  }
  return bytes;
}

template <typename T>
Values decodeAs(const Bytes& bytes) {
  Values values(bytes.size() / sizeof(T));
  for (size_t i = 0; i < values.size(); ++i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    values[i] = static_cast<float>(value);
  }
  return values;
}

/// Values as float32 or bfloat16, in the order of memory.
inline Bytes encode(DType dtype, const Values& values) {
  return dtype == DType::bfloat16 ? encodeAs<bfloat16>(values) : encodeAs<float>(values);
}
inline Values decode(DType dtype, const Bytes& bytes) {
  return dtype == DType::bfloat16 ? decodeAs<bfloat16>(bytes) : decodeAs<float>(bytes);
}

/// A tensor of a run.
struct Tensor {
  TensorSpec spec;
  Bytes bytes;

  Tensor(TensorSpec tensor, const Values& values)
      : spec(std::move(tensor)), bytes(encode(spec.dtype, values)) {}
  /// An opaque one.
  explicit Tensor(Bytes blob) : spec{DType::opaque, {}}, bytes(std::move(blob)) {}

  Values values() const { return decode(spec.dtype, bytes); }
};

/// Where tensors lie. Ordinary ones are aligned to their elements only, as views into another tensor may be.
class Workbench {
 public:
  void* place(size_t bytes, size_t alignment, const Bytes& content = {}) {
    GuardedMemory& memory = memories_.emplace_back(bytes, alignment);
    if (!content.empty()) {
      check(content.size() == bytes, "as many bytes as the tensor has");
      std::memcpy(memory.data(), content.data(), bytes);
    }
    return memory.data();
  }
  void verify(const std::string& op) {
    for (size_t i = 0; i < memories_.size(); ++i) memories_[i].verify(op + "'s memory " + std::to_string(i));
  }

 private:
  std::deque<GuardedMemory> memories_;
};

struct RunOptions {
  /// What outputs hold before; else they are NaN.
  std::vector<Bytes> before = {};
  bool inPlace = false;
};

/// Runs a kernel and its packs, and returns its outputs. Fails if it writes beside its memory, or gives other
/// bits when run again.
inline std::vector<Bytes> runKernel(Kernel& kernel, const std::string& op, const std::vector<Tensor>& inputs,
                                    const std::vector<TensorSpec>& outputs, const RunOptions& options = {}) {
  constexpr size_t blobAlignment = 64;
  const auto alignmentOf = [](DType dtype) {
    return dtype == DType::opaque ? blobAlignment : byteSize(dtype);
  };
  const auto runOnce = [&] {
    Workbench bench;
    const auto workspaceFor = [&](const Kernel& one) {
      return one.workspaceBytes() == 0 ? nullptr : bench.place(one.workspaceBytes(), blobAlignment);
    };
    std::vector<void*> from, to;
    for (const Tensor& input : inputs) {
      from.push_back(bench.place(input.bytes.size(), alignmentOf(input.spec.dtype), input.bytes));
    }
    for (const Pack& pack : kernel.packs()) {
      void* const packed = bench.place(pack.bytes, blobAlignment);
      pack.kernel->run({std::span(&from[pack.input], 1), std::span(&packed, 1), workspaceFor(*pack.kernel)});
      from[pack.input] = packed;
    }
    std::vector<size_t> sizes;
    for (size_t i = 0; i < outputs.size(); ++i) {
      const bool opaque = outputs[i].dtype == DType::opaque;
      sizes.push_back(opaque ? kernel.opaqueBytes(i) : outputs[i].bytes());
      const Bytes before = i < options.before.size() ? options.before[i] : Bytes();
      to.push_back(options.inPlace && i == 0 ? from[0]
                                             : bench.place(sizes[i], alignmentOf(outputs[i].dtype), before));
    }
    kernel.run({from, to, workspaceFor(kernel)});
    bench.verify(op);
    std::vector<Bytes> results;
    for (size_t i = 0; i < outputs.size(); ++i) {
      const auto* const data = static_cast<const std::byte*>(to[i]);
      results.emplace_back(data, data + sizes[i]);
    }
    return results;
  };
  std::vector<Bytes> results = runOnce();
  check(runOnce() == results, op + " to repeat bit for bit");
  return results;
}

/// Makes the kernel first.
inline std::vector<Bytes> runKernel(Device& device, const std::string& op,
                                    const std::map<std::string, Attributes::Value>& attributes,
                                    const std::vector<Tensor>& inputs, const std::vector<TensorSpec>& outputs,
                                    const RunOptions& options = {}) {
  KernelDescription description = {op, Attributes(attributes), {}, outputs};
  for (const Tensor& input : inputs) description.inputs.push_back(input.spec);
  return runKernel(*device.createKernel(description), op, inputs, outputs, options);
}

}  // namespace mlpconv::test
