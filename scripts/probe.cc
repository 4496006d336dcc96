// Compiles only with C++20 and its library: the set-up's check of the compiler.
#include <bit>
#include <concepts>
#include <cstdint>
#include <memory>
#include <span>

template <std::floating_point T>
uint32_t firstBits(std::span<const T> values) {
  return values.empty() ? 0 : std::bit_cast<uint32_t>(static_cast<float>(values.front()));
}

int main() {
  const auto values = std::make_shared<float[]>(2);
  const float* data = values.get();
  return static_cast<int>(firstBits<float>({data, 2}));
}
