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
std::shared_ptr<Kernel> createKernel(CudaDevice& device, const KernelDescription& description);

std::shared_ptr<Kernel> createConv2d(CudaDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createConv2dBackwardData(CudaDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createConv2dBackwardWeights(CudaDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createLinear(CudaDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createLinearBackwardData(CudaDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createLinearBackwardWeights(CudaDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createMaxPool2d(CudaDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createMaxPool2dBackward(CudaDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createAvgPool2d(CudaDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createAvgPool2dBackward(CudaDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createRelu(CudaDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createReluBackward(CudaDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createAdd(CudaDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createScale(CudaDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createCast(CudaDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createFill(CudaDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createFlatten(CudaDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createUnflatten(CudaDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createDropout(CudaDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createSoftmaxCrossEntropy(CudaDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createAccumulateMetrics(CudaDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createGatherImages(CudaDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createAdvance(CudaDevice&, const KernelDescription&);
std::shared_ptr<Kernel> createSgd(CudaDevice&, const KernelDescription&);

}  // namespace mlpconv
