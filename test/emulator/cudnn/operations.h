// What the emulated cuDNN computes, by plain loops on the host.
#pragma once

#include <functional>
#include <vector>

#include "descriptor.h"

namespace mlpconv::emulator {

struct Tensor {
  int64_t uid;
  cudnnDataType_t type;
  std::vector<int64_t> dims;
  std::vector<int64_t> strides;
  int64_t alignment;
  bool isVirtual;

  explicit Tensor(const Content& descriptor);
  int64_t elements() const;
  /// From the first to behind the last.
  size_t bytes() const;
  bool hasGaps() const;
};

/// The tensors of one operation.
struct Operation {
  cudnnBackendDescriptorType_t type;
  std::vector<Tensor> inputs;
  std::vector<Tensor> outputs;
  std::shared_ptr<const Content> content;
};

/// How an engine computes.
struct Arithmetic {
  /// Factors of float32 are rounded to TF32.
  bool tensorFloat32 = false;
  /// Results differ from run to run, as those of sums in any order do, only more.
  bool nondeterministic = false;
};

/// Whether it is the gradient of a ReLU.
bool isReluBackward(const Content& operation);

/// Reads and checks an operation. Refuses what cuDNN has no engine for, or no graph of ours uses.
Operation readOperation(const std::shared_ptr<const Content>& content);

/// Runs operations in order. `find` gives a stored tensor's memory.
void execute(const std::vector<Operation>& operations, const std::function<void*(int64_t uid)>& find,
             Arithmetic arithmetic);

}  // namespace mlpconv::emulator
