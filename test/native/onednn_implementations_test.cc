// Which of oneDNN's implementations NiN's layers run on: channels-last must not cost them the fast ones.
#include <oneapi/dnnl/dnnl.hpp>

#include "../../native/onednn/device.h"
#include "../../native/onednn/primitive.h"
#include "check.h"

namespace mlpconv::test {
namespace {

struct Layer {
  int64_t channels, size, outChannels, kernel, stride, padding;

  int64_t outSize() const { return (size + 2 * padding - kernel) / stride + 1; }
};

/// NiN's convolutions on images of `size` pixels.
std::vector<Layer> convolutions(int64_t size, int64_t channels) {
  const auto pooled = [](int64_t s) { return (s - 3) / 2 + 1; };
  const int64_t first = (size - 11) / 4 + 1, second = pooled(first), third = pooled(second),
                last = pooled(third);
  return {{channels, size, 96, 11, 4, 0}, {96, first, 96, 1, 1, 0},   {96, second, 256, 5, 1, 2},
          {256, second, 256, 1, 1, 0},    {256, third, 384, 3, 1, 1}, {384, third, 384, 1, 1, 0},
          {384, last, 10, 3, 1, 1},       {10, last, 10, 1, 1, 0}};
}

/// Its max-poolings.
std::vector<Layer> pools(int64_t size) {
  std::vector<Layer> layers;
  for (const Layer& layer : convolutions(size, 1)) {
    if (layer.kernel > 1 && layer.outChannels > 10) {
      layers.push_back({layer.outChannels, layer.outSize(), layer.outChannels, 3, 2, 0});
    }
  }
  return layers;
}

std::vector<double> both(int64_t size) { return {static_cast<double>(size), static_cast<double>(size)}; }

/// Fails if one of the kernel's or its packs' primitives runs on oneDNN's reference code or on
/// image-to-column.
void checkFast(Device& device, const KernelDescription& description) {
  std::vector<std::shared_ptr<Kernel>> kernels = {device.createKernel(description)};
  for (const Pack& pack : kernels[0]->packs()) kernels.push_back(pack.kernel);
  for (const auto& kernel : kernels) {
    // Our own.
    if (kernel->implementation().starts_with("pointwise:")) continue;
    const auto* const primitives = dynamic_cast<const PrimitiveKernel*>(kernel.get());
    check(primitives != nullptr, description.op + " to be made of primitives");
    for (const std::string& name : primitives->implementations()) {
      check(name.find("ref") == std::string::npos && name.find("gemm:") == std::string::npos,
            description.op + " to have a fast implementation, received " + name);
    }
  }
}

void testNin(Device& device, DType dtype, int64_t size, int64_t batch) {
  for (const int64_t channels : {1, 3}) {
    for (const Layer& layer : convolutions(size, channels)) {
      const TensorSpec x = {dtype, {batch, layer.channels, layer.size, layer.size}};
      const TensorSpec y = {dtype, {batch, layer.outChannels, layer.outSize(), layer.outSize()}};
      const TensorSpec weight = {DType::float32,
                                 {layer.outChannels, layer.channels, layer.kernel, layer.kernel}};
      const TensorSpec bias = {DType::float32, {layer.outChannels}};
      for (const bool accumulate : {false, true}) {
        const Attributes attributes({{"stride", both(layer.stride)},
                                     {"padding", both(layer.padding)},
                                     {"precision", std::string("highest")},
                                     {"relu", false},
                                     {"accumulate", accumulate}});
        checkFast(device, {"conv2d", attributes, {x, weight, bias}, {y}});
        checkFast(device, {"conv2dBackwardData", attributes, {y, weight}, {x}});
        checkFast(device, {"conv2dBackwardWeights", attributes, {x, y}, {weight, bias}});
      }
    }
  }
  for (const Layer& layer : pools(size)) {
    const TensorSpec x = {dtype, {batch, layer.channels, layer.size, layer.size}};
    const TensorSpec y = {dtype, {batch, layer.channels, layer.outSize(), layer.outSize()}};
    const TensorSpec index = {DType::opaque, {}};
    const Attributes attributes({{"kernelSize", both(3)}, {"stride", both(2)}, {"padding", both(0)}});
    checkFast(device, {"maxPool2d", attributes, {x}, {y, index}});
    checkFast(device, {"relu", {}, {x}, {x}});
    checkFast(device, {"add", {}, {x, x}, {x}});
  }
}

}  // namespace
}  // namespace mlpconv::test

int main() {
  using namespace mlpconv;
  OneDnnDevice device({.index = 0, .threads = 2});
  device.attach();
  // Other CPUs have other fast implementations, or none.
  constexpr auto avx512 = static_cast<unsigned>(dnnl::cpu_isa::avx512_core);
  if ((static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & avx512) != avx512) return test::run({});

  std::vector<test::Case> cases;
  for (const int64_t size : {224, 96}) {
    for (const int64_t batch : {1, 16, 64}) {
      const std::string name = std::to_string(batch) + " images of " + std::to_string(size);
      for (const DType dtype : {DType::float32, DType::bfloat16}) {
        cases.push_back({name, [=, &device] { test::testNin(device, dtype, size, batch); }});
      }
    }
  }
  return test::run(cases);
}
