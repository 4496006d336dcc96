#include "../ops/softmaxCrossEntropy.h"

#include "kernels.h"
#include "parallel.h"

namespace mlpconv {
namespace {

/// Fewer logits than these are not worth a second thread.
constexpr int64_t minimumWork = 1024;

}  // namespace

std::shared_ptr<Kernel> createSoftmaxCrossEntropy(OneDnnDevice& device,
                                                  const KernelDescription& description) {
  const SoftmaxCrossEntropy op(description);
  return withElement(op.dtype, [&](auto element) {
    using T = decltype(element);
    return makeKernel(
        [op, threads = device.threads()](const Arguments& arguments) {
          const auto functor = SoftmaxCrossEntropyFunctor<T>::of(op, arguments);
          const int64_t chunk = std::max<int64_t>(1, minimumWork / op.classes);
          parallelChunks(threads, op.samples, chunk, [functor](int64_t begin, int64_t end) {
            for (int64_t sample = begin; sample < end; ++sample) functor(sample);
          });
          functor.sum();
        },
        op.workspaceBytes());
  });
}

}  // namespace mlpconv
