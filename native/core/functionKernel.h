// Kernels that are one function of their arguments.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "arguments.h"

namespace mlpconv {

/// `implementation` is what Kernel::implementation() says.
template <typename Run>
std::shared_ptr<Kernel> makeKernel(Run run, size_t workspaceBytes = 0, const char* implementation = "") {
  class FunctionKernel final : public Kernel {
   public:
    FunctionKernel(Run run, size_t workspaceBytes, const char* implementation)
        : run_(std::move(run)), workspaceBytes_(workspaceBytes), implementation_(implementation) {}
    size_t workspaceBytes() const override { return workspaceBytes_; }
    std::string implementation() const override { return implementation_; }
    void run(const Arguments& arguments) override { run_(arguments); }

   private:
    Run run_;
    size_t workspaceBytes_;
    const char* implementation_;
  };
  return std::make_shared<FunctionKernel>(std::move(run), workspaceBytes, implementation);
}

}  // namespace mlpconv
