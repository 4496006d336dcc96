// Sizes of tensors, attributes, and kernels with their extents.
#include "../../native/core/kernel.h"

#include <atomic>
#include <chrono>
#include <cmath>
#include <new>
#include <thread>

#include "check.h"
#include "fake_device.h"

using namespace mlpconv;
using namespace mlpconv::test;

namespace {

void bytesOfTensors() {
  check(TensorSpec{DType::float32, {}}.bytes() == 4, "4 bytes for a scalar");
  check(TensorSpec{DType::bfloat16, {2, 3, 5, 7}}.bytes() == 420, "2 bytes for each of 210 elements");
  check(TensorSpec{DType::float64, {3}}.bytes() == 24, "8 bytes for each float64");
  check(TensorSpec{DType::int32, {3}}.bytes() == 12, "4 bytes for each int32");
  check(TensorSpec{DType::int64, {3}}.bytes() == 24, "8 bytes for each int64");
  check(TensorSpec{DType::uint8, {3, 0}}.bytes() == 0, "none for an empty tensor");
  check(TensorSpec{DType::opaque, {17}}.bytes() == 17, "as many bytes as an opaque tensor's shape says");
  constexpr int64_t large = int64_t{1} << 31;
  checkThrows<ShapeError>(
      [] {
        TensorSpec{DType::uint8, {large, large}}.bytes();
      },
      "fewer than 2^53 elements");
  checkThrows<ShapeError>(
      [] {
        TensorSpec{DType::uint8, {INT64_MAX, INT64_MAX, 3}}.bytes();
      },
      "fewer than 2^53");
  checkThrows<ShapeError>([] { TensorSpec{DType::float64, {large, large / 1024}}.bytes(); }, "2^53 bytes");
  checkThrows<ShapeError>([] { TensorSpec{DType::uint8, {2, -1}}.bytes(); }, "at least 0, received -1");
}

void attributes() {
  const Attributes attributes({{"relu", true},
                               {"p", 0.5},
                               {"two", 2.0},
                               {"large", 1e300},
                               {"nan", std::nan("")},
                               {"mode", std::string("same")},
                               {"stride", std::vector<double>{1, 2}},
                               {"mean", std::vector<double>{0.25}}});
  check(attributes.boolean("relu"), "the boolean");
  check(attributes.number("p") == 0.5, "the number");
  check(attributes.integer("two") == 2, "the integer");
  check(attributes.integers("stride") == std::vector<int64_t>{1, 2}, "the integers");
  check(attributes.numbers("mean") == std::vector<double>{0.25}, "the numbers");
  checkThrows<OptionError>([&] { attributes.number("q"); },
                           "attribute 'q': expected a number, received none");
  checkThrows<OptionError>([&] { attributes.boolean("p"); }, "'p': expected a boolean, received a number");
  checkThrows<OptionError>([&] { attributes.numbers("mode"); },
                           "expected an array of numbers, received a string");
  checkThrows<OptionError>([&] { attributes.integer("p"); }, "expected an integer, received 0.5");
  checkThrows<OptionError>([&] { attributes.integer("large"); }, "expected an integer, received 1");
  checkThrows<OptionError>([&] { attributes.integer("nan"); }, "expected an integer, received");
  checkThrows<OptionError>([&] { attributes.integers("mean"); }, "expected an integer, received 0.25");
}

KernelDescription description(std::vector<TensorSpec> inputs, std::vector<TensorSpec> outputs) {
  return {"op", {}, std::move(inputs), std::move(outputs)};
}

void extents() {
  FakeDevice device([](const KernelDescription&) {
    return FakeKernel{.workspaceBytes = 100,
                      .opaqueBytes = 33,
                      .packs = {{1, 48, std::make_shared<FunctionKernel>(FakeKernel{.workspaceBytes = 7})}}};
  });
  const auto kernel = compileKernel(device, description({{DType::bfloat16, {3}}, {DType::float32, {5}}},
                                                        {{DType::int64, {2}}, {DType::opaque, {0}}}));
  const auto is = [](const Extent& extent, size_t bytes, size_t alignment) {
    return extent.bytes == bytes && extent.alignment == alignment;
  };
  check(kernel->inputs.size() == 2 && is(kernel->inputs[0], 6, 2), "a plain input's extent");
  check(is(kernel->inputs[1], 48, bufferAlignment), "a packed input's extent");
  check(kernel->outputs.size() == 2 && is(kernel->outputs[0], 16, 8), "a plain output's extent");
  check(is(kernel->outputs[1], 33, bufferAlignment), "an opaque output's extent, from the kernel");
  check(is(kernel->workspace, 100, bufferAlignment), "the workspace's extent");
  check(kernel->packs.size() == 1 && kernel->packs[0].input == 1, "one pack");
  const CompiledKernel& pack = *kernel->packs[0].kernel;
  check(is(pack.inputs.at(0), 20, 4) && is(pack.outputs.at(0), 48, bufferAlignment), "plain in, packed out");
  check(pack.workspace.bytes == 7, "the pack's own workspace");
}

/// A description that a fake device can tell from others.
KernelDescription numbered(int64_t number) { return description({}, {{DType::uint8, {number}}}); }
int64_t numberOf(const KernelDescription& d) { return d.outputs[0].shape[0]; }

std::vector<KernelDescription> numbered(int64_t first, int64_t end) {
  std::vector<KernelDescription> all;
  for (int64_t i = first; i < end; i++) all.push_back(numbered(i));
  return all;
}

void manyAreMadeSideBySide() {
  const std::atomic<bool> stopping = false;
  constexpr int threads = 3;
  std::atomic<int> begun = 0;
  FakeDevice device([&](const KernelDescription& d) {
    // The first of them wait for each other.
    begun++;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (begun < threads && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    if (begun < threads) throw DeviceError("no other kernel is being made");
    return FakeKernel{.workspaceBytes = static_cast<size_t>(numberOf(d))};
  });
  device.compiling = threads;
  const auto kernels = compileKernels(device, numbered(0, 30), stopping);
  check(kernels.size() == 30, "a kernel for each description");
  for (size_t i = 0; i < kernels.size(); i++) check(kernels[i]->workspace.bytes == i, "them in order");
}

void theFirstThatFailsIsTheError() {
  const std::atomic<bool> stopping = false;
  for (const int threads : {1, 4}) {
    std::atomic<int> made = 0;
    FakeDevice device([&](const KernelDescription& d) {
      made++;
      const int64_t number = numberOf(d);
      // Of those that are made at once the first is the last to fail.
      if (number >= 5) {
        std::this_thread::sleep_for(std::chrono::milliseconds(number == 5 ? 50 : 1));
        throw ShapeError("number " + std::to_string(number));
      }
      return FakeKernel{};
    });
    device.compiling = threads;
    checkThrows<Error>([&] { compileKernels(device, numbered(0, 1000), stopping); }, "op: number 5");
    check(made <= 5 + threads, "none to be begun after one has failed");
  }
}

void stoppedNoMoreAreMade() {
  for (const int threads : {1, 4}) {
    std::atomic<bool> stopping = false;
    std::atomic<int> made = 0;
    FakeDevice device([&](const KernelDescription&) {
      if (++made == 5) stopping = true;
      return FakeKernel{};
    });
    device.compiling = threads;
    const auto kernels = compileKernels(device, numbered(0, 1000), stopping);
    check(kernels.back() == nullptr && made <= 5 + threads, "no more than those that were begun");
  }
}

void errorsNameTheOp() {
  const auto compileWith = [](const std::function<FakeKernel()>& create) {
    FakeDevice device([&](const KernelDescription&) { return create(); });
    compileKernel(device, description({}, {}));
  };
  checkThrows<Error>([&] { compileWith([]() -> FakeKernel { throw ShapeError("too small"); }); },
                     "op: too small");
  checkThrows<Error>([&] { compileWith([]() -> FakeKernel { throw ShapeError("in op: x"); }); }, "in op: x");
  checkThrows<OutOfMemoryError>(
      [&] { compileWith([]() -> FakeKernel { throw OutOfMemoryError("m", 2, 1); }); }, "op: m");
  checkThrows<OutOfMemoryError>([&] { compileWith([]() -> FakeKernel { throw std::bad_alloc(); }); }, "op: ");
  checkThrows<DeviceError>([&] { compileWith([]() -> FakeKernel { throw std::runtime_error("boom"); }); },
                           "op: boom");
  const auto packs = [&](size_t input) {
    compileWith([&] {
      return FakeKernel{.packs = {{input, 1, std::make_shared<FunctionKernel>(FakeKernel{})}}};
    });
  };
  checkThrows<Error>([&] { packs(0); }, "packs an input that the op does not have");
  try {
    compileWith([]() -> FakeKernel { throw ShapeError("x"); });
  } catch (const Error& error) {
    check(std::string(error.code()) == "ERR_SHAPE", "the same code");
  }
}

}  // namespace

int main() {
  return run({{"bytes of tensors", bytesOfTensors},
              {"attributes", attributes},
              {"extents", extents},
              {"many are made side by side", manyAreMadeSideBySide},
              {"the first that fails is the error", theFirstThatFailsIsTheError},
              {"stopped, no more are made", stoppedNoMoreAreMade},
              {"errors name the op", errorsNameTheOp}});
}
