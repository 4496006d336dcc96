#include "../ops/linear.h"

#include "affine.h"
#include "device.h"
#include "kernels.h"
#include "reluBackward.h"

namespace mlpconv {
namespace {

/// Images of one pixel.
Conv2d asConvolution(Linear linear) {
  for (auto* shape : {&linear.x, &linear.weight, &linear.y}) shape->insert(shape->end(), {1, 1});
  return {std::move(linear), Window({1, 1}, {1, 1}, {0, 0})};
}

TensorSpec matrix(DType dtype, const std::vector<int64_t>& shape) { return {dtype, {shape[0], shape[1]}}; }

/// cuDNN's matrix products always use tensor cores: in strict float32 only convolutions do without.
bool isMatmul(const Conv2d& linear) { return arithmeticOf(linear).tensorCores; }

std::shared_ptr<Kernel> createMatmul(CudaDevice& device, const Conv2d& linear) {
  Graph graph(device, arithmeticOf(linear));
  const GraphTensor x = graph.input(matrix(linear.dtype, linear.x));
  const GraphTensor weight = graph.inputTransposed(matrix(linear.dtype, linear.weight));
  GraphTensor y = graph.matmul(x, weight);
  if (linear.bias) y = graph.add(y, graph.input({linear.dtype, {1, linear.weight[0]}}));
  if (linear.relu) y = graph.relu(y);
  graph.output(y, matrix(linear.dtype, linear.y));
  return graph.build();
}

std::shared_ptr<Kernel> createMatmulBackwardData(CudaDevice& device, const Conv2d& linear) {
  const TensorSpec x = matrix(linear.dtype, linear.x);
  return andReluBackward(device, linear.reluBackward, true, x, [&](bool isWithin) {
    Graph graph(device, arithmeticOf(linear));
    const GraphTensor dy = graph.input(matrix(linear.dtype, linear.y));
    const GraphTensor weight = graph.input(matrix(linear.dtype, linear.weight));
    GraphTensor dx = graph.matmul(dy, weight);
    if (isWithin) dx = graph.reluBackward(dx, graph.input(x));
    graph.output(dx, x);
    return graph.build();
  });
}

std::shared_ptr<Kernel> createMatmulBackwardWeights(CudaDevice& device, const Conv2d& linear) {
  Graph graph(device, arithmeticOf(linear));
  const GraphTensor x = graph.input(matrix(linear.dtype, linear.x));
  const GraphTensor dy = graph.inputTransposed(matrix(linear.dtype, linear.y));
  graph.output(graph.matmul(dy, x), matrix(DType::float32, linear.weight));
  return graph.build();
}

/// A matrix product where there is one, else a convolution.
template <typename Matmul, typename Convolution>
Create either(CudaDevice& device, Matmul matmul, Convolution convolution) {
  return [&device, matmul, convolution](const Conv2d& linear) -> std::shared_ptr<Kernel> {
    if (isMatmul(linear)) {
      try {
        return matmul(device, linear);
      } catch (const NoEngineError&) {
        // A convolution may have one.
      }
    }
    return convolution(device, linear);
  };
}

}  // namespace

std::shared_ptr<Kernel> createLinear(CudaDevice& device, const KernelDescription& description) {
  return createAffineForward(device, asConvolution(Linear::forward(description)),
                             either(device, createMatmul, createConvolution));
}

std::shared_ptr<Kernel> createLinearBackwardData(CudaDevice& device, const KernelDescription& description) {
  return createAffineBackwardData(device, asConvolution(Linear::backwardData(description)),
                                  either(device, createMatmulBackwardData, createConvolutionBackwardData));
}

std::shared_ptr<Kernel> createLinearBackwardWeights(CudaDevice& device,
                                                    const KernelDescription& description) {
  return createAffineBackwardWeights(
      device, asConvolution(Linear::backwardWeights(description)),
      either(device, createMatmulBackwardWeights, createConvolutionBackwardWeights));
}

}  // namespace mlpconv
