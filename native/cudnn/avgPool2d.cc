#include "../ops/avgPool2d.h"

#include "graph.h"
#include "kernels.h"
#include "reluBackward.h"

namespace mlpconv {

std::shared_ptr<Kernel> createAvgPool2d(CudaDevice& device, const KernelDescription& description) {
  const AvgPool2d pool = AvgPool2d::forward(description);
  Graph graph(device, {});
  const GraphTensor x = graph.input(pool.xSpec());
  graph.output(graph.averagePool(x, pool.window, pool.y, pool.countIncludePad), pool.ySpec());
  return graph.build();
}

std::shared_ptr<Kernel> createAvgPool2dBackward(CudaDevice& device, const KernelDescription& description) {
  const AvgPool2d pool = AvgPool2d::backward(description);
  return andReluBackward(device, pool.reluBackward, true, pool.xSpec(), [&](bool isWithin) {
    Graph graph(device, {});
    const GraphTensor dy = graph.input(pool.ySpec());
    GraphTensor dx = graph.averagePoolBackward(dy, pool.window, pool.x, pool.countIncludePad);
    if (isWithin) dx = graph.reluBackward(dx, graph.input(pool.xSpec()));
    graph.output(dx, pool.xSpec());
    return graph.build();
  });
}

}  // namespace mlpconv
