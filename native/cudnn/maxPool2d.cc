#include "../ops/maxPool2d.h"

#include "graph.h"
#include "kernels.h"

namespace mlpconv {
namespace {

/// A kernel whose second output is opaque.
class WithIndex final : public Kernel {
 public:
  WithIndex(std::shared_ptr<Kernel> kernel, size_t bytes) : kernel_(std::move(kernel)), bytes_(bytes) {}

  size_t workspaceBytes() const override { return kernel_->workspaceBytes(); }
  size_t opaqueBytes(size_t /*output*/) const override { return bytes_; }
  std::string implementation() const override { return kernel_->implementation(); }
  void run(const Arguments& arguments) override { kernel_->run(arguments); }

 private:
  std::shared_ptr<Kernel> kernel_;
  size_t bytes_;
};

}  // namespace

std::shared_ptr<Kernel> createMaxPool2d(CudaDevice& device, const KernelDescription& description) {
  const MaxPool2d pool = MaxPool2d::forward(description);
  Graph graph(device, {});
  const auto [y, index] = graph.maxPool(graph.input(pool.xSpec()), pool.window, pool.y, pool.index);
  graph.output(y, pool.ySpec());
  if (!pool.index) return graph.build();
  graph.outputIndex(index, pool.y, pool.window);
  const auto bytes = static_cast<size_t>(pool.ySpec().elements()) * Graph::indexBytes(pool.window);
  return std::make_shared<WithIndex>(graph.build(), bytes);
}

std::shared_ptr<Kernel> createMaxPool2dBackward(CudaDevice& device, const KernelDescription& description) {
  const MaxPool2d pool = MaxPool2d::backward(description);
  Graph graph(device, {});
  const GraphTensor dy = graph.input(pool.ySpec());
  const GraphTensor index = graph.inputIndex(pool.y, pool.window);
  graph.output(graph.maxPoolBackward(dy, index, pool.window, pool.x), pool.xSpec());
  return graph.build();
}

}  // namespace mlpconv
