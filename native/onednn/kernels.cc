#include "kernels.h"

#include <algorithm>

namespace mlpconv {
namespace {

DeviceError describe(const KernelDescription& description, const dnnl::error& error) {
  const auto isBfloat16 = [](const TensorSpec& tensor) { return tensor.dtype == DType::bfloat16; };
  const bool bfloat16 = std::any_of(description.inputs.begin(), description.inputs.end(), isBfloat16) ||
                        std::any_of(description.outputs.begin(), description.outputs.end(), isBfloat16);
  const char* const advice = error.status == dnnl_unimplemented && bfloat16
                                 ? "; bfloat16 needs a CPU with AVX-512: use dtype 'float32'"
                                 : "";
  return DeviceError(description.op + ": oneDNN " + error.what() + advice);
}

}  // namespace

std::shared_ptr<Kernel> createKernel(OneDnnDevice& device, const KernelDescription& description) {
  try {
#define MLPCONV_CREATE(name, Name) \
  if (description.op == #name) return create##Name(device, description);
    MLPCONV_OPS(MLPCONV_CREATE)
#undef MLPCONV_CREATE
    throw OptionError("there is no op '" + description.op + "' on the CPU");
  } catch (const dnnl::error& error) {
    throw describe(description, error);
  }
}

}  // namespace mlpconv
