// The factory of each op's kernel. Each reads and checks its description (native/ops) and throws if it does
// not fit.
#pragma once

#include <memory>

#include "../core/backend.h"
#include "device.h"

namespace mlpconv {

/// The names of all ops in the table of kernels.cc.
std::vector<std::string> kernelNames();

/// Looks the op up in the table and makes its kernel. Throws OptionError for an op that is not there.
std::shared_ptr<Kernel> createKernel(OneDnnDevice& device, const KernelDescription& description);

std::shared_ptr<Kernel> createConv2d(OneDnnDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createConv2dBackwardData(OneDnnDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createConv2dBackwardWeights(OneDnnDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createLinear(OneDnnDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createLinearBackwardData(OneDnnDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createLinearBackwardWeights(OneDnnDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createMaxPool2d(OneDnnDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createMaxPool2dBackward(OneDnnDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createAvgPool2d(OneDnnDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createAvgPool2dBackward(OneDnnDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createRelu(OneDnnDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createReluBackward(OneDnnDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createAdd(OneDnnDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createScale(OneDnnDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createCast(OneDnnDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createFill(OneDnnDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createFlatten(OneDnnDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createUnflatten(OneDnnDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createDropout(OneDnnDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createSoftmaxCrossEntropy(OneDnnDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createAccumulateMetrics(OneDnnDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createGatherImages(OneDnnDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createAdvance(OneDnnDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createSgd(OneDnnDevice&, const KernelDescription&);

}  // namespace mlpconv
