// Loops over the OpenMP team, for the ops that oneDNN does not have.
#pragma once

#include <algorithm>

#include "../core/functionKernel.h"

namespace mlpconv {

constexpr int64_t divideUp(int64_t value, int64_t divisor) { return (value + divisor - 1) / divisor; }
constexpr int64_t roundUp(int64_t value, int64_t multiple) { return divideUp(value, multiple) * multiple; }

/// What runs range(begin, end).
template <typename Range>
using RangeCaller = void (*)(const Range& range, int64_t begin, int64_t end);

#if defined(__x86_64__) && defined(__GNUC__)
template <typename Range>
__attribute__((flatten, target("avx2,fma"))) void callAvx2(const Range& range, int64_t begin, int64_t end) {
  range(begin, end);
}
template <typename Range>
__attribute__((flatten, target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))) void callAvx512(
    const Range& range, int64_t begin, int64_t end) {
  range(begin, end);
}

/// With all that a range calls compiled anew for the widest vectors that the processor has: sgd is twice as
/// fast as with SSE2, dropout three times.
template <typename Range>
RangeCaller<Range> rangeCaller() {
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (avx512) return callAvx512<Range>;
  if (avx2) return callAvx2<Range>;
  return [](const Range& range, int64_t begin, int64_t end) { range(begin, end); };
}
#else
template <typename Range>
RangeCaller<Range> rangeCaller() {
  return [](const Range& range, int64_t begin, int64_t end) { range(begin, end); };
}
#endif

/// Calls range(begin, end) for each chunk of [0, count). The chunks are the same for every number of threads,
/// and so is what is computed from them.
template <typename Range>
void parallelChunks(int threads, int64_t count, int64_t chunk, const Range& range) {
  const RangeCaller<Range> call = rangeCaller<Range>();
  const int64_t chunks = divideUp(count, chunk);
#pragma omp parallel for schedule(static) num_threads(threads) if (chunks > 1)
  for (int64_t i = 0; i < chunks; ++i) call(range, i * chunk, std::min(count, (i + 1) * chunk));
}

/// Calls functor(i) for each i of [0, count); no call may depend on another.
template <typename Functor>
void parallelFor(int threads, int64_t count, const Functor& functor) {
  constexpr int64_t chunk = 8192;
  parallelChunks(threads, count, chunk, [functor](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) functor(i);
  });
}

}  // namespace mlpconv
