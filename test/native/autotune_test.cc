// Choosing the fastest of some kernels.
#include "../../native/cudnn/autotune.h"

#include <thread>

#include "check.h"
#include "fake_device.h"

using namespace mlpconv;
using namespace mlpconv::test;

namespace {

std::shared_ptr<Kernel> kernel(std::function<void(const Arguments&)> body, size_t workspaceBytes = 0) {
  FakeKernel fake;
  fake.body = std::move(body);
  fake.workspaceBytes = workspaceBytes;
  return std::make_shared<FunctionKernel>(std::move(fake));
}

std::shared_ptr<Kernel> sleeping(int milliseconds) {
  return kernel([milliseconds](const Arguments&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
  });
}

void fails(const Arguments&) { throw DeviceError("it does not run"); }

size_t choose(const std::vector<std::shared_ptr<Kernel>>& kernels) {
  FakeDevice device([](const KernelDescription&) -> FakeKernel { return {}; });
  return fastest(device, kernels, std::vector<size_t>{8, 16}, std::vector<size_t>{4});
}

void testChoice() {
  check(choose({sleeping(5), sleeping(0), sleeping(5)}) == 1, "the fastest");
  check(choose({sleeping(0), sleeping(5)}) == 0, "the fastest when it is the first");
  check(choose({kernel(fails), sleeping(1)}) == 1, "what runs when the first does not");
  checkThrows<DeviceError>([] { choose({kernel(fails)}); }, "it does not run");
}

void testMemory() {
  // The sanitizer sees what is beyond.
  const auto touches = [](const Arguments& arguments) {
    check(arguments.inputs.size() == 2 && arguments.outputs.size() == 1, "all tensors");
    std::memset(arguments.inputs[0], 1, 8);
    std::memset(arguments.inputs[1], 1, 16);
    std::memset(arguments.outputs[0], 1, 4);
    std::memset(arguments.workspace, 1, 32);
  };
  check(choose({kernel(touches, 32)}) == 0, "the only one");
  const auto without = [](const Arguments& arguments) {
    check(arguments.workspace == nullptr, "no workspace where none is wanted");
  };
  check(choose({kernel(without)}) == 0, "the only one");
}

}  // namespace

int main() { return run({{"the choice", testChoice}, {"the memory", testMemory}}); }
