#include "target.h"

#include <oneapi/dnnl/dnnl.hpp>

namespace mlpconv::simd {
namespace {

/// Whether oneDNN uses all of these instructions here.
bool uses(dnnl::cpu_isa isa) {
  const auto all = static_cast<unsigned>(isa);
  return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & all) == all;
}

}  // namespace

InstructionSet instructionSet() {
#ifdef MLPCONV_HAS_SIMD
  if (uses(dnnl::cpu_isa::avx512_core)) return InstructionSet::avx512;
  if (uses(dnnl::cpu_isa::avx2)) return InstructionSet::avx2;
#endif
  return InstructionSet::none;
}

bool hasAmx() { return uses(dnnl::cpu_isa::avx512_core_amx); }

}  // namespace mlpconv::simd
