// Where this compiler can compile single functions for wider vectors than the rest of the program.
//
// Kernels in vectors are headers, each for any width: they stand in the namespace MLPCONV_SIMD, between
// MLPCONV_SIMD_BEGIN and MLPCONV_SIMD_END, and are compiled once for each instruction set, by a source that
// first includes avx2.h or avx512.h. So no other file's code is ever taken from them; what they define is
// called only where the CPU has the instructions: see instructionSet().
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define MLPCONV_HAS_SIMD 1
#endif

namespace mlpconv::simd {

enum class InstructionSet { none, avx2, avx512 };

/// The widest vectors that this CPU has, this compiler knows and oneDNN may use: what a user has forbidden
/// oneDNN (ONEDNN_MAX_CPU_ISA) is not used here either.
InstructionSet instructionSet();

/// Whether oneDNN multiplies bfloat16 in AMX's tiles, several times as fast as in vectors.
bool hasAmx();

/// Those for this CPU; null if there are none.
template <typename Kernels>
const Kernels* chooseKernels(const Kernels& avx2, const Kernels& avx512) {
  switch (instructionSet()) {
    case InstructionSet::avx512:
      return &avx512;
    case InstructionSet::avx2:
      return &avx2;
    case InstructionSet::none:
      break;
  }
  return nullptr;
}

}  // namespace mlpconv::simd
