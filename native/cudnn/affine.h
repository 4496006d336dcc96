// What conv2d and linear have in common on cuDNN, where a dense layer is a 1x1 convolution of 1x1 images.
#pragma once

#include <functional>

#include "../ops/conv2d.h"
#include "graph.h"
#include "steps.h"

namespace mlpconv {

/// Makes one kernel of a problem. Throws NoEngineError where cuDNN has no engine for it.
using Create = std::function<std::shared_ptr<Kernel>(const Conv2d&)>;

/// What engines of a problem may do. Transforms are for float32 of default precision, and for channels as
/// many as they pay for.
Arithmetic arithmeticOf(const Conv2d& conv);

/// x, weight, (bias) -> y. cuDNN takes parameters of the activations' type, so in bfloat16 they are packed.
std::shared_ptr<Kernel> createAffineForward(CudaDevice& device, const Conv2d& conv, const Create& create);

/// dy, weight, (the ReLU's y) -> dx.
std::shared_ptr<Kernel> createAffineBackwardData(CudaDevice& device, const Conv2d& conv,
                                                 const Create& create);

/// x, dy -> dweight, (dbias); `create` makes dweight alone, in float32.
std::shared_ptr<Kernel> createAffineBackwardWeights(CudaDevice& device, const Conv2d& conv,
                                                    const Create& create);

/// The step dy (input 1) -> dbias (output 1).
void addBiasGradient(StepsKernel& steps, CudaDevice& device, const Conv2d& conv);

/// The convolution's own graphs. All throw NoEngineError.
std::shared_ptr<Kernel> createConvolution(CudaDevice& device, const Conv2d& conv);
std::shared_ptr<Kernel> createConvolutionBackwardData(CudaDevice& device, const Conv2d& conv);
std::shared_ptr<Kernel> createConvolutionBackwardWeights(CudaDevice& device, const Conv2d& conv);

}  // namespace mlpconv
