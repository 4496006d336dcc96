#include "../ops/conv2d.h"

#include "affine.h"
#include "blocked.h"
#include "device.h"
#include "kernels.h"
#include "reluBackward.h"

namespace mlpconv {

std::shared_ptr<Kernel> createConvolution(CudaDevice& device, const Conv2d& conv) {
  Graph graph(device, arithmeticOf(conv));
  const GraphTensor x = graph.input(conv.xSpec());
  const GraphTensor weight = graph.input({conv.dtype, conv.weight});
  GraphTensor y = graph.convolution(x, weight, conv.window);
  if (conv.bias) y = graph.add(y, graph.input({conv.dtype, {1, conv.weight[0], 1, 1}}));
  if (conv.relu) y = graph.relu(y);
  graph.output(y, conv.ySpec());
  return graph.build();
}

std::shared_ptr<Kernel> createConvolutionBackwardData(CudaDevice& device, const Conv2d& conv) {
  const Arithmetic arithmetic = arithmeticOf(conv);
  // In strict float32 the engine for both takes up to five times as long as a convolution of that size
  // (H100).
  const bool mayBeWithin = arithmetic.tensorCores;
  return andReluBackward(device, conv.reluBackward, mayBeWithin, conv.xSpec(), [&](bool isWithin) {
    Graph graph(device, arithmetic);
    const GraphTensor dy = graph.input(conv.ySpec());
    const GraphTensor weight = graph.input({conv.dtype, conv.weight});
    GraphTensor dx = graph.convolutionBackwardData(dy, weight, conv.window, conv.x);
    if (isWithin) dx = graph.reluBackward(dx, graph.input(conv.xSpec()));
    graph.output(dx, conv.xSpec());
    return graph.build();
  });
}

std::shared_ptr<Kernel> createConvolutionBackwardWeights(CudaDevice& device, const Conv2d& conv) {
  Graph graph(device, arithmeticOf(conv));
  const GraphTensor x = graph.input(conv.xSpec());
  const GraphTensor dy = graph.input(conv.ySpec());
  GraphTensor dweight = graph.convolutionBackwardWeights(dy, x, conv.window, conv.weight);
  // Engines that write another type than they read exist only behind an operation.
  if (conv.dtype != DType::float32) dweight = graph.identity(dweight);
  graph.output(dweight, conv.weightSpec());
  return graph.build();
}

std::shared_ptr<Kernel> createConv2d(CudaDevice& device, const KernelDescription& description) {
  const Conv2d conv = Conv2d::forward(description);
  if (auto kernel = tryBlocked(device, conv)) return kernel;
  return createAffineForward(device, conv, [&](const Conv2d& own) { return createConvolution(device, own); });
}

std::shared_ptr<Kernel> createConv2dBackwardData(CudaDevice& device, const KernelDescription& description) {
  const Conv2d conv = Conv2d::backwardData(description);
  if (auto kernel = tryBlockedBackwardData(device, conv)) return kernel;
  return createAffineBackwardData(
      device, conv, [&](const Conv2d& own) { return createConvolutionBackwardData(device, own); });
}

std::shared_ptr<Kernel> createConv2dBackwardWeights(CudaDevice& device,
                                                    const KernelDescription& description) {
  const Conv2d conv = Conv2d::backwardWeights(description);
  if (auto kernel = tryBlockedBackwardWeights(device, conv)) return kernel;
  return createAffineBackwardWeights(
      device, conv, [&](const Conv2d& own) { return createConvolutionBackwardWeights(device, own); });
}

}  // namespace mlpconv
