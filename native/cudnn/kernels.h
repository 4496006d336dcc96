// The factory of each op's kernel: createConv2d and so on. Each reads and checks its description (native/ops)
// and throws if it does not fit.
#pragma once

#include <memory>

#include "../core/backend.h"
#include "../ops/list.h"
#include "device.h"

namespace mlpconv {

/// Makes the kernel of description.op. Throws OptionError for an op that is not there.
std::shared_ptr<Kernel> createKernel(CudaDevice& device, const KernelDescription& description);

#define MLPCONV_DECLARE(name, Name) \
  std::shared_ptr<Kernel> create##Name(CudaDevice&, const KernelDescription&);
MLPCONV_OPS(MLPCONV_DECLARE)
#undef MLPCONV_DECLARE

}  // namespace mlpconv
