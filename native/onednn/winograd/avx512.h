// Where this compiler can compile single functions for AVX-512. Such a function stands between
//
//     #pragma GCC push_options
//     #pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")
//     #pragma GCC pop_options
//
// and is a template or static, so that no other file's code is ever taken from it; it is called only where
// isAvailable() holds. Elsewhere the folder's files are empty but for select.cc.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define MLPCONV_WINOGRAD 1
#include <immintrin.h>

namespace mlpconv::winograd {

/// 16 channels of a pixel.
using Vector = __m512;
/// Which of them there are.
using Mask = __mmask16;

constexpr int lanes = 16;

}  // namespace mlpconv::winograd
#endif
