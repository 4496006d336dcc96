#include "kernels.h"

namespace mlpconv {

std::shared_ptr<Kernel> createKernel(CudaDevice& device, const KernelDescription& description) {
#define MLPCONV_CREATE(name, Name) \
  if (description.op == #name) return create##Name(device, description);
  MLPCONV_OPS(MLPCONV_CREATE)
#undef MLPCONV_CREATE
  throw OptionError("there is no op '" + description.op + "' on the GPU");
}

}  // namespace mlpconv
