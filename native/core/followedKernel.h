// A kernel, and behind it another one in place on what it made.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <utility>

#include "backend.h"

namespace mlpconv {

/// `first` has all inputs but the last. `second`, which wants no workspace, reads its output 0 and the last
/// input, and writes the output again.
inline std::shared_ptr<Kernel> followedBy(std::shared_ptr<Kernel> first, std::shared_ptr<Kernel> second) {
  class FollowedKernel final : public Kernel {
   public:
    FollowedKernel(std::shared_ptr<Kernel> first, std::shared_ptr<Kernel> second)
        : first_(std::move(first)), second_(std::move(second)) {}

    size_t workspaceBytes() const override { return first_->workspaceBytes(); }
    std::vector<Pack> packs() const override { return first_->packs(); }
    std::string implementation() const override {
      const std::string name = second_->implementation();
      return first_->implementation() + (name.empty() ? "" : " + " + name);
    }
    void run(const Arguments& arguments) override {
      const auto& [inputs, outputs, workspace] = arguments;
      first_->run({inputs.first(inputs.size() - 1), outputs, workspace});
      const std::array<void*, 2> both = {outputs[0], inputs.back()};
      second_->run({both, outputs, nullptr});
    }

   private:
    std::shared_ptr<Kernel> first_, second_;
  };
  return std::make_shared<FollowedKernel>(std::move(first), std::move(second));
}

}  // namespace mlpconv
