#include "kernels.h"

#include <algorithm>
#include <string_view>

namespace mlpconv {
namespace {

struct Entry {
  std::string_view op;
  std::shared_ptr<Kernel> (*create)(CudaDevice&, const KernelDescription&);
};

// An op without a kernel does not link.
constexpr Entry table[] = {
    {"conv2d", createConv2d},
    {"conv2dBackwardData", createConv2dBackwardData},
    {"conv2dBackwardWeights", createConv2dBackwardWeights},
    {"linear", createLinear},
    {"linearBackwardData", createLinearBackwardData},
    {"linearBackwardWeights", createLinearBackwardWeights},
    {"maxPool2d", createMaxPool2d},
    {"maxPool2dBackward", createMaxPool2dBackward},
    {"avgPool2d", createAvgPool2d},
    {"avgPool2dBackward", createAvgPool2dBackward},
    {"relu", createRelu},
    {"reluBackward", createReluBackward},
    {"add", createAdd},
    {"scale", createScale},
    {"cast", createCast},
    {"fill", createFill},
    {"flatten", createFlatten},
    {"unflatten", createUnflatten},
    {"dropout", createDropout},
    {"softmaxCrossEntropy", createSoftmaxCrossEntropy},
    {"accumulateMetrics", createAccumulateMetrics},
    {"gatherImages", createGatherImages},
    {"advance", createAdvance},
    {"sgd", createSgd},
};

}  // namespace

std::vector<std::string> kernelNames() {
  std::vector<std::string> names;
  for (const Entry& entry : table) names.emplace_back(entry.op);
  return names;
}

std::shared_ptr<Kernel> createKernel(CudaDevice& device, const KernelDescription& description) {
  const auto entry = std::find_if(std::begin(table), std::end(table),
                                  [&](const Entry& e) { return e.op == description.op; });
  if (entry == std::end(table)) throw OptionError("there is no op '" + description.op + "' on the GPU");
  return entry->create(device, description);
}

}  // namespace mlpconv
