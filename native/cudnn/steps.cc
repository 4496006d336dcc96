#include "steps.h"

#include <algorithm>

#include "../core/kernel.h"

namespace mlpconv {

StepPlace StepsKernel::reserve(size_t bytes) {
  // cuDNN's workspaces are aligned more than others.
  constexpr size_t alignment = std::max<size_t>(bufferAlignment, 256);
  const StepPlace place = {StepPlace::Kind::workspace, reserved_};
  reserved_ += (bytes + alignment - 1) / alignment * alignment;
  return place;
}

void StepsKernel::add(std::shared_ptr<Kernel> kernel, std::vector<StepPlace> inputs,
                      std::vector<StepPlace> outputs) {
  steps_.push_back({std::move(kernel), std::move(inputs), std::move(outputs)});
}

StepPlace StepsKernel::addScratch(std::shared_ptr<Kernel> kernel, std::vector<StepPlace> inputs,
                                  size_t bytes) {
  const StepPlace scratch = reserve(bytes);
  add(std::move(kernel), std::move(inputs), {scratch});
  return scratch;
}

void StepsKernel::pack(size_t input, size_t bytes, std::shared_ptr<Kernel> kernel) {
  packs_.push_back({input, bytes, std::move(kernel)});
}

size_t StepsKernel::workspaceBytes() const {
  size_t most = 0;
  for (const Step& step : steps_) most = std::max(most, step.kernel->workspaceBytes());
  return reserved_ + most;
}

std::string StepsKernel::implementation() const {
  std::string text;
  for (const Step& step : steps_) {
    const std::string name = step.kernel->implementation();
    if (!name.empty()) text += (text.empty() ? "" : " + ") + name;
  }
  return text;
}

void StepsKernel::run(const Arguments& arguments) {
  char* const workspace = static_cast<char*>(arguments.workspace);
  const auto pointers = [&](const std::vector<StepPlace>& places) {
    std::vector<void*> result;
    for (const StepPlace& place : places) {
      switch (place.kind) {
        case StepPlace::Kind::input:
          result.push_back(arguments.inputs[place.at]);
          break;
        case StepPlace::Kind::output:
          result.push_back(arguments.outputs[place.at]);
          break;
        case StepPlace::Kind::workspace:
          result.push_back(workspace + place.at);
          break;
      }
    }
    return result;
  };
  for (const Step& step : steps_) {
    const std::vector<void*> inputs = pointers(step.inputs);
    const std::vector<void*> outputs = pointers(step.outputs);
    step.kernel->run({inputs, outputs, workspace == nullptr ? nullptr : workspace + reserved_});
  }
}

}  // namespace mlpconv
