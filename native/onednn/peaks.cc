#include "peaks.h"

#include <algorithm>
#include <chrono>

#include "system.h"

namespace mlpconv {
namespace {

/// The least seconds that `body` takes, of many tries, which what else the machine does disturbs little.
template <typename Body>
double leastSeconds(const Body& body) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds enough(250);
  constexpr int fewest = 5;
  const Clock::time_point begin = Clock::now();
  std::chrono::duration<double> least = std::chrono::hours(1);
  for (int i = 0; i < fewest || Clock::now() - begin < enough; ++i) {
    const Clock::time_point start = Clock::now();
    body();
    least = std::min<std::chrono::duration<double>>(least, Clock::now() - start);
  }
  return least.count();
}

/// As many independent chains as hide the latency of two or three units, and leave registers for the factors.
constexpr int chains = 12;

template <int lanes>
struct VectorOf {
  using Type [[gnu::vector_size(lanes * sizeof(float))]] = float;
};

/// Multiplies and adds `rounds` times in each lane of each chain. Returns something of all of it.
template <int lanes>
float multiplyAdd(int64_t rounds) {
  using Vector = typename VectorOf<lanes>::Type;
  // They go from 2 and more to 1: never to a number that is slow, and not from where they stay.
  constexpr float factor = 0.875f, summand = 0.125f;
  Vector sums[chains];
  for (int c = 0; c < chains; ++c) sums[c] = Vector{} + static_cast<float>(2 + c);
  for (int64_t i = 0; i < rounds; ++i) {
    for (int c = 0; c < chains; ++c) sums[c] = sums[c] * factor + summand;
  }
  Vector all = sums[0];
  for (int c = 1; c < chains; ++c) all += sums[c];
  return all[0];
}

/// One of the machine's widths of vectors.
struct Width {
  int lanes;
  float (*multiplyAdd)(int64_t rounds);
};

#if defined(__x86_64__) && defined(__GNUC__)
__attribute__((flatten, target("avx2,fma"))) float multiplyAddAvx2(int64_t rounds) {
  return multiplyAdd<8>(rounds);
}
__attribute__((flatten, target("avx512f"))) float multiplyAddAvx512(int64_t rounds) {
  return multiplyAdd<16>(rounds);
}

Width widest() {
  if (__builtin_cpu_supports("avx512f")) return {16, multiplyAddAvx512};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return {8, multiplyAddAvx2};
  return {4, multiplyAdd<4>};
}
#else
Width widest() { return {4, multiplyAdd<4>}; }
#endif

/// All threads at once, each with multiply-adds of its own, nothing of them in memory.
double measureFlops(int threads) {
  const Width width = widest();
  // Less than a time slice, so that some try of each thread is not interrupted.
  constexpr int64_t rounds = 250'000;
  double flops = 0;
#pragma omp parallel num_threads(threads) reduction(+ : flops)
  {
    // What nobody reads the compiler would not compute.
    volatile float result = 0;
    const double seconds = leastSeconds([&] { result = width.multiplyAdd(rounds); });
    flops += 2.0 * rounds * chains * width.lanes / seconds;
  }
  return flops;
}

/// McCalpin, "Memory bandwidth and machine balance in current high performance computers", 1995: the triad of
/// STREAM. Bytes are counted as there: a line that is fetched only to be written counts once.
double measureBandwidth(Device& device) {
  const size_t bytes = std::max(size_t{64} << 20, 2 * lastCacheBytes(usableCpus()));
  const auto count = static_cast<int64_t>(bytes / sizeof(float));
  const std::shared_ptr<Memory> memory[] = {device.allocate(bytes, Contents::zeros),
                                            device.allocate(bytes, Contents::zeros),
                                            device.allocate(bytes, Contents::zeros)};
  auto* const a = static_cast<float*>(memory[0]->data());
  auto* const b = static_cast<float*>(memory[1]->data());
  auto* const c = static_cast<float*>(memory[2]->data());
  const int threads = device.threads();
  // Pages that nothing has written are all the same one.
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int64_t i = 0; i < count; ++i) a[i] = b[i] = c[i] = 1;
  const double seconds = leastSeconds([&] {
#pragma omp parallel for simd schedule(static) num_threads(threads)
    for (int64_t i = 0; i < count; ++i) a[i] = b[i] + 3 * c[i];
  });
  return 3.0 * static_cast<double>(bytes) / seconds;
}

}  // namespace

Peaks measurePeaks(Device& device) { return {measureFlops(device.threads()), measureBandwidth(device)}; }

}  // namespace mlpconv
