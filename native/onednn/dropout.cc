#include "../ops/dropout.h"

#include "kernels.h"
#include "parallel.h"

namespace mlpconv {

std::shared_ptr<Kernel> createDropout(OneDnnDevice& device, const KernelDescription& description) {
  const Dropout op(description);
  return withElement(op.dtype, [&](auto element) {
    using T = decltype(element);
    return makeKernel([op, threads = device.threads()](const Arguments& arguments) {
      const auto drop = DropoutFunctor<T>::of(op, arguments);
      // A chunk is a piece of one sample.
      constexpr int64_t piece = 2048;
      const int64_t pieces = (op.groups + piece - 1) / piece;
      parallelChunks(threads, op.samples * pieces, 1, [drop, pieces](int64_t i, int64_t) {
        const int64_t sample = i / pieces;
        const uint64_t number = drop.number(sample);
        const int64_t begin = i % pieces * piece;
        const int64_t end = std::min(begin + piece, drop.op.groups);
        const int64_t whole = std::min(end, drop.op.elements / 4);
#pragma omp simd
        for (int64_t group = begin; group < whole; ++group) drop(sample, number, group, 4);
        if (whole < end) drop(sample, number, whole, drop.op.elements % 4);
      });
    });
  });
}

}  // namespace mlpconv
