#include "../ops/maxPool2d.h"

#include "graph.h"
#include "kernels.h"
#include "reluBackward.h"

namespace mlpconv {

std::shared_ptr<Kernel> createMaxPool2d(CudaDevice& device, const KernelDescription& description) {
  const MaxPool2d pool = MaxPool2d::forward(description);
  Graph graph(device, {});
  const auto [y, index] = graph.maxPool(graph.input(pool.xSpec()), pool.window, pool.y, pool.index);
  graph.output(y, pool.ySpec());
  if (pool.index) graph.outputIndex(index, pool.y, pool.window);
  return graph.build();
}

std::shared_ptr<Kernel> createMaxPool2dBackward(CudaDevice& device, const KernelDescription& description) {
  const MaxPool2d pool = MaxPool2d::backward(description);
  return andReluBackward(device, pool.reluBackward, true, pool.xSpec(), [&](bool isWithin) {
    Graph graph(device, {});
    const GraphTensor dy = graph.input(pool.ySpec());
    const GraphTensor index = graph.inputIndex(pool.y, pool.window);
    GraphTensor dx = graph.maxPoolBackward(dy, index, pool.window, pool.x);
    if (isWithin) dx = graph.reluBackward(dx, graph.input(pool.xSpec()));
    graph.output(dx, pool.xSpec());
    return graph.build();
  });
}

}  // namespace mlpconv
