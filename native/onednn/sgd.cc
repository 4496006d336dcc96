#include "../ops/sgd.h"

#include "kernels.h"
#include "parallel.h"

namespace mlpconv {

std::shared_ptr<Kernel> createSgd(OneDnnDevice& device, const KernelDescription& description) {
  const Sgd op(description);
  return makeKernel(
      [op, threads = device.threads()](const Arguments& arguments) {
        const SgdFunctor sgd = SgdFunctor::of(op, arguments);
        if (sgd.workspace) {
          parallelChunks(threads, op.chunks(), 1, [sgd](int64_t chunk, int64_t) {
            double lanes[Sgd::lanes] = {};
            sgd.squares(chunk, 0, lanes);
            double sum = 0;
            for (const double lane : lanes) sum += lane;
            sgd.workspace[1 + chunk] = sum;
          });
          sgd.clip();
        }
        const SgdFunctor::Step step = sgd.step();
        if (sgd.momentum) {
          parallelFor(threads, op.parameters, [sgd, step](int64_t i) { sgd.update<true>(i, step); });
        } else {
          parallelFor(threads, op.parameters, [sgd, step](int64_t i) { sgd.update<false>(i, step); });
        }
      },
      op.workspaceBytes());
}

}  // namespace mlpconv
