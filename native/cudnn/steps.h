// Several kernels that run one after another as one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "../core/backend.h"

namespace mlpconv {

/// Where a step's tensor is: an input or output of the whole, or a place in its workspace.
struct StepPlace {
  enum class Kind { input, output, workspace };
  Kind kind;
  /// Its number, or its byte in the workspace.
  size_t at;

  static StepPlace input(size_t number) { return {Kind::input, number}; }
  static StepPlace output(size_t number) { return {Kind::output, number}; }
};

class StepsKernel final : public Kernel {
 public:
  /// Adds the next step.
  void add(std::shared_ptr<Kernel> kernel, std::vector<StepPlace> inputs, std::vector<StepPlace> outputs);
  /// Adds a step whose one output, of so many bytes, is scratch memory. Returns where that is.
  StepPlace addScratch(std::shared_ptr<Kernel> kernel, std::vector<StepPlace> inputs, size_t bytes);
  /// Asks for an input as `kernel` makes it.
  void pack(size_t input, size_t bytes, std::shared_ptr<Kernel> kernel);

  size_t workspaceBytes() const override;
  std::vector<Pack> packs() const override { return packs_; }
  std::string implementation() const override;
  void run(const Arguments& arguments) override;

 private:
  /// Scratch memory that lives from the first step to the last.
  StepPlace reserve(size_t bytes);

  struct Step {
    std::shared_ptr<Kernel> kernel;
    std::vector<StepPlace> inputs, outputs;
  };

  size_t reserved_ = 0;
  std::vector<Step> steps_;
  std::vector<Pack> packs_;
};

}  // namespace mlpconv
