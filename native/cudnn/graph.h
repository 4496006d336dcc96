// One cuDNN graph: a few operations that become one kernel. cudnn-frontend is seen by graph.cc alone.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "../core/backend.h"
#include "../ops/window.h"

namespace cudnn_frontend::graph {
class Tensor_attributes;
}

namespace mlpconv {

class CudaDevice;

/// cuDNN has no engine for a graph.
class NoEngineError : public DeviceError {
 public:
  using DeviceError::DeviceError;
};

/// What an engine may do to be fast, beyond sums in another order.
struct Arithmetic {
  /// Round float32 inputs to TF32 for tensor cores.
  bool tensorCores = true;
  /// Multiply transformed tiles: Winograd's algorithm and Fourier's transform.
  bool transforms = true;
};

/// A tensor within a graph.
using GraphTensor = std::shared_ptr<cudnn_frontend::graph::Tensor_attributes>;

/// A graph in the making. Tensors have logical shapes and are channels-last, sums are float32, and what is
/// between two operations is float32 and never stored. Throws DeviceError with cuDNN's message.
class Graph {
 public:
  Graph(CudaDevice& device, Arithmetic arithmetic);
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  /// The kernel's next input, of rank 4 or a matrix.
  GraphTensor input(const TensorSpec& spec);
  /// A matrix, seen transposed.
  GraphTensor inputTransposed(const TensorSpec& spec);
  /// The index that maxPool gives for y of `shape`.
  GraphTensor inputIndex(const std::vector<int64_t>& shape, const Window& window);
  /// Makes a tensor the kernel's next output, of spec's type and shape.
  void output(const GraphTensor& tensor, const TensorSpec& spec);
  void outputIndex(const GraphTensor& index, const std::vector<int64_t>& shape, const Window& window);

  GraphTensor convolution(const GraphTensor& x, const GraphTensor& weight, const Window& window);
  /// dx, of shape `shape`.
  GraphTensor convolutionBackwardData(const GraphTensor& dy, const GraphTensor& weight, const Window& window,
                                      const std::vector<int64_t>& shape);
  /// dweight, of shape `shape`.
  GraphTensor convolutionBackwardWeights(const GraphTensor& dy, const GraphTensor& x, const Window& window,
                                         const std::vector<int64_t>& shape);
  GraphTensor matmul(const GraphTensor& a, const GraphTensor& b);
  GraphTensor add(const GraphTensor& a, const GraphTensor& b);
  GraphTensor relu(const GraphTensor& x);
  /// dy where y > 0, else 0; y is of dy's shape.
  GraphTensor reluBackward(const GraphTensor& dy, const GraphTensor& y);
  /// The same values; a type may change here.
  GraphTensor identity(const GraphTensor& x);

  struct MaxPool {
    GraphTensor y;
    /// Null unless it was asked for.
    GraphTensor index;
  };
  MaxPool maxPool(const GraphTensor& x, const Window& window, const std::vector<int64_t>& yShape, bool index);
  /// dx, of shape `shape`.
  GraphTensor maxPoolBackward(const GraphTensor& dy, const GraphTensor& index, const Window& window,
                              const std::vector<int64_t>& shape);
  GraphTensor averagePool(const GraphTensor& x, const Window& window, const std::vector<int64_t>& yShape,
                          bool countIncludePad);
  /// dx, of shape `shape`.
  GraphTensor averagePoolBackward(const GraphTensor& dy, const Window& window,
                                  const std::vector<int64_t>& shape, bool countIncludePad);

  /// Has cuDNN choose an engine, by its heuristics or by measuring, and build its plan. Only engines that
  /// give the same bits each time are taken. Throws NoEngineError, with cuDNN's reason, if there is none.
  std::shared_ptr<Kernel> build();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mlpconv
