#include "target.h"

#include <oneapi/dnnl/dnnl.hpp>

namespace mlpconv::simd {

InstructionSet instructionSet() {
#ifdef MLPCONV_HAS_SIMD
  const auto has = [effective = static_cast<unsigned>(dnnl::get_effective_cpu_isa())](dnnl::cpu_isa isa) {
    return (effective & static_cast<unsigned>(isa)) == static_cast<unsigned>(isa);
  };
  if (has(dnnl::cpu_isa::avx512_core)) return InstructionSet::avx512;
  if (has(dnnl::cpu_isa::avx2)) return InstructionSet::avx2;
#endif
  return InstructionSet::none;
}

}  // namespace mlpconv::simd
