// Kernels that are one function of their arguments.
#pragma once

#include <memory>
#include <utility>

#include "backend.h"

namespace mlpconv {

template <typename Run>
std::shared_ptr<Kernel> makeKernel(Run run, size_t workspaceBytes = 0) {
  class FunctionKernel final : public Kernel {
   public:
    FunctionKernel(Run run, size_t workspaceBytes) : run_(std::move(run)), workspaceBytes_(workspaceBytes) {}
    size_t workspaceBytes() const override { return workspaceBytes_; }
    void run(const Arguments& arguments) override { run_(arguments); }

   private:
    Run run_;
    size_t workspaceBytes_;
  };
  return std::make_shared<FunctionKernel>(std::move(run), workspaceBytes);
}

/// The input, as what it is.
template <typename T>
T* input(const Arguments& arguments, size_t index) {
  return static_cast<T*>(arguments.inputs[index]);
}

template <typename T>
T* output(const Arguments& arguments, size_t index) {
  return static_cast<T*>(arguments.outputs[index]);
}

}  // namespace mlpconv
