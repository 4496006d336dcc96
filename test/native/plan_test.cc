#include "../../native/core/plan.h"

#include <chrono>
#include <numeric>
#include <random>
#include <thread>

#include "check.h"
#include "fake_device.h"

// Of AddressSanitizer's run-time library; GCC does not install its header.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*allocated)(const volatile void*, size_t),
                                                         void (*freed)(const volatile void*));

using namespace mlpconv;
using namespace mlpconv::test;

namespace {

const std::atomic<bool> never = false;

std::atomic<size_t> allocations = 0;

using Compiled = std::shared_ptr<const CompiledKernel>;

Compiled compiled(const std::string& op, std::vector<TensorSpec> inputs, std::vector<TensorSpec> outputs,
                  FakeKernel kernel) {
  FakeDevice device([&](const KernelDescription&) { return kernel; });
  return compileKernel(device, {op, {}, std::move(inputs), std::move(outputs)});
}

/// A kernel without tensors.
Compiled action(const std::string& op, const std::function<void()>& body) {
  return compiled(op, {}, {}, {.body = [body](const Arguments&) { body(); }});
}

/// y = a + b, `count` floats.
Compiled add(int64_t count) {
  const TensorSpec spec = {DType::float32, {count}};
  return compiled("add", {spec, spec}, {spec}, {.body = [count](const Arguments& arguments) {
                    const auto* a = static_cast<const float*>(arguments.inputs[0]);
                    const auto* b = static_cast<const float*>(arguments.inputs[1]);
                    auto* y = static_cast<float*>(arguments.outputs[0]);
                    for (int64_t i = 0; i < count; i++) y[i] = a[i] + b[i];
                  }});
}

/// Writes every byte that it may: a given byte to its output, and that of its workspace.
Compiled touch(TensorSpec output, size_t workspaceBytes = 0) {
  return compiled("touch", {}, {output},
                  {.body =
                       [bytes = output.bytes(), workspaceBytes](const Arguments& arguments) {
                         std::memset(arguments.outputs[0], 1, bytes);
                         if (workspaceBytes > 0) std::memset(arguments.workspace, 2, workspaceBytes);
                       },
                   .workspaceBytes = workspaceBytes});
}

/// Makes no kernels, and records nothing.
FakeDevice device([](const KernelDescription&) { return FakeKernel{}; });

int64_t runOn(Plan& plan, int64_t steps, const std::vector<std::span<std::byte>>& memory) {
  return plan.run(device, plan.bind(memory), steps, never);
}

void addsAtOffsets() {
  HeapMemory first(24);
  HeapMemory second(8);
  const float values[] = {1, 2, 3, 4};
  std::memcpy(first.span().data(), values, sizeof(values));
  Plan plan({24, 8}, {{1, {{add(2), {{0, 0}, {0, 8}}, {{0, 16}}, {}}}},
                      {3, {{add(2), {{0, 16}, {1, 0}}, {{1, 0}}, {}}}}});
  check(runOn(plan, 2, {first.span(), second.span()}) == 2, "two steps");
  check(first.at<float>(4) == 4 && first.at<float>(5) == 6, "1 + 3 and 2 + 4");
  check(second.at<float>(0) == 24 && second.at<float>(1) == 36, "that six times");

  HeapMemory other(8);
  check(runOn(plan, 1, {first.span(), other.span()}) == 1, "one more step on other memory");
  check(other.at<float>(0) == 12 && second.at<float>(0) == 24, "each run on its own memory");
}

void scratchIsDiscardedBeforeEachStep() {
  HeapMemory first(64), second(32), other(64);
  FakeDevice own([](const KernelDescription&) { return FakeKernel{}; });
  const std::vector<Stage> stages = {{2, {{add(2), {{1, 0}, {1, 8}}, {{0, 0}}, {}}}}};
  Plan plan({24, 32}, stages, {0});
  const auto run = [&](HeapMemory& scratch, int64_t steps) {
    plan.run(own, plan.bind(std::vector{scratch.span(), second.span()}), steps, never);
  };
  run(first, 2);
  run(other, 1);
  using Discarded = std::vector<std::pair<void*, size_t>>;
  check(own.discarded == Discarded{{first.data(), 24}, {first.data(), 24}, {other.data(), 24}},
        "scratch, as large as the plan wants it, to be discarded once a step");
  checkThrows<OptionError>(
      [&] {
        Plan({24, 32}, stages, {2});
      },
      "scratch: expected one of the plan's 2 slots, received 2");
}

void runsStagesInOrder() {
  std::string trace;
  const auto note = [&](const char* letter) {
    return KernelCall{action(letter, [&trace, letter] { trace += letter; }), {}, {}, {}};
  };
  Plan plan({}, {{1, {note("a")}}, {2, {note("b"), note("c")}}, {1'000'000'000'000, {}}, {1, {note("d")}}});
  check(runOn(plan, 2, {}) == 2, "two steps");
  check(trace == "abcbcdabcbcd", "abcbcd twice, received " + trace);
  check(runOn(plan, 0, {}) == 0 && trace.size() == 12, "nothing to be run in no steps");
}

void refusesWrongPlans() {
  const TensorSpec four = {DType::float32, {4}};
  const auto plan = [](std::vector<size_t> slots, KernelCall call, int64_t repeat = 1) {
    return [=] { Plan made(slots, {{repeat, {call}}}); };
  };
  const Compiled fill = touch(four);
  checkThrows<OptionError>(plan({16}, {fill, {}, {{1, 0}}, {}}),
                           "output 0 at slot 1 + 0 bytes: expected one of");
  checkThrows<OptionError>(plan({}, {fill, {}, {{0, 0}}, {}}), "the plan's 0 slots");
  checkThrows<OptionError>(plan({15}, {fill, {}, {{0, 0}}, {}}), "touch: output 0");
  checkThrows<OptionError>(plan({16}, {fill, {}, {{0, 4}}, {}}),
                           "its 16 bytes do not fit into the slot's 16");
  checkThrows<OptionError>(plan({16}, {fill, {}, {{0, SIZE_MAX - 3}}, {}}), "do not fit");
  checkThrows<OptionError>(plan({64}, {fill, {}, {{0, 2}}, {}}), "a multiple of 4");
  checkThrows<OptionError>(plan({64}, {fill, {}, {}, {}}), "expected 1 output, received 0");
  checkThrows<OptionError>(plan({64}, {fill, {{0, 0}}, {{0, 0}}, {}}), "expected 0 inputs, received 1");
  checkThrows<OptionError>(plan({64}, {fill, {}, {{0, 0}}, {}}, 0), "repeat at least once");

  const Compiled working = touch(four, 32);
  checkThrows<OptionError>(plan({64}, {working, {}, {{0, 0}}, {}}), "a workspace of 32 bytes, received none");
  checkThrows<OptionError>(plan({64}, {working, {}, {{0, 0}}, Location{0, 33}}),
                           "workspace 0 at slot 0 + 33");
  checkThrows<OptionError>(plan({128}, {working, {}, {{0, 0}}, Location{0, 32}}), "a multiple of 64");

  const auto pack = std::make_shared<FunctionKernel>(FakeKernel{});
  const Compiled packed = compiled("packed", {four}, {}, {.packs = {{0, 96, pack}}});
  checkThrows<OptionError>(plan({16}, {packed, {{0, 0}}, {}, {}}), "its 96 bytes do not fit");
  Plan({96}, {{1, {{packed, {{0, 0}}, {}, {}}}}});
}

void refusesWrongMemory() {
  HeapMemory memory(64);
  const auto binding = [&](std::vector<std::span<std::byte>> spans) {
    return [spans] { Plan({16}, {{1, {{touch({DType::float32, {4}}), {}, {{0, 0}}, {}}}}}).bind(spans); };
  };
  checkThrows<OptionError>(binding({}), "each of the plan's 1 slots, received 0");
  checkThrows<OptionError>(binding({memory.span(), memory.span()}), "received 2");
  checkThrows<OptionError>(binding({memory.span().first(15)}),
                           "slot 0: expected a buffer with at least 16 bytes");
  checkThrows<OptionError>(binding({memory.span().subspan(2)}),
                           "slot 0: expected an offset that is a multiple of 4");
  binding({memory.span().subspan(48)})();
}

/// Whatever a plan's locations are, it is refused or writes within its memory (which AddressSanitizer
/// watches).
void neverWritesOutside() {
  std::mt19937 random(1);
  const auto upTo = [&](size_t most) { return std::uniform_int_distribution<size_t>(0, most)(random); };
  int accepted = 0;
  int refused = 0;
  for (int i = 0; i < 3000; i++) {
    const std::vector<size_t> slots = {upTo(96), upTo(192)};
    const Compiled kernel =
        touch({upTo(1) == 0 ? DType::uint8 : DType::float64, {static_cast<int64_t>(upTo(12))}},
              upTo(2) == 0 ? upTo(96) : 0);
    const Location output = {upTo(2), upTo(100)};
    const Location workspace = {upTo(2), upTo(2) * 64};
    HeapMemory first(upTo(1) == 0 ? slots[0] : upTo(128));
    HeapMemory second(slots[1] + upTo(1));
    try {
      Plan plan(slots, {{1, {{kernel, {}, {output}, workspace}}}});
      runOn(plan, 1, {first.span(), second.span()});
      accepted++;
    } catch (const OptionError&) {
      refused++;
    }
  }
  check(accepted > 100 && refused > 100, "some plans of each kind, received " + std::to_string(accepted) +
                                             " good ones and " + std::to_string(refused) + " bad ones");
}

void cancelEndsRunsThatWereBound() {
  int begun = 0;
  int ended = 0;
  int cancelIn = 0;
  Plan* self = nullptr;
  Plan plan({}, {{1,
                  {{action("begin", [&] { begun++; }), {}, {}, {}},
                   {action("cancel",
                           [&] {
                             if (begun == cancelIn) self->cancel();
                           }),
                    {},
                    {},
                    {}},
                   {action("end", [&] { ended++; }), {}, {}, {}}}}});
  self = &plan;
  const Plan::Binding waiting = plan.bind({});
  check(runOn(plan, 5, {}) == 5 && ended == 5, "five steps without a cancel");
  cancelIn = 7;
  check(runOn(plan, 5, {}) == 2, "two steps when it is cancelled in the second");
  check(begun == 7 && ended == 7, "the second to be run in whole");
  check(plan.run(device, waiting, 5, never) == 0 && begun == 7, "a run that waited not to begin");
  check(runOn(plan, 2, {}) == 2, "a later run to be as if nothing had been");
}

void stoppingEndsRunsAtOnce() {
  std::atomic<bool> stopping = false;
  int count = 0;
  Plan plan({}, {{4,
                  {{action("count",
                           [&] {
                             if (++count == 6) stopping = true;
                           }),
                    {},
                    {},
                    {}}}}});
  check(plan.run(device, plan.bind({}), 5, stopping) == 1, "only whole steps to be counted");
  check(count == 6, "the end of the kernel that was running");
}

void recordsWhatRunsAgain() {
  int calls = 0;
  int recordings = 0;
  int replays = 0;
  FakeDevice recorder([](const KernelDescription&) { return FakeKernel{}; },
                      [&](const std::function<void()>& work) {
                        recordings++;
                        work();
                        return std::make_unique<FakeReplay>([&] { replays++; });
                      });
  const TensorSpec spec = {DType::float32, {4}};
  const auto count = compiled("count", {}, {spec}, {.body = [&](const Arguments&) { calls++; }});
  Plan plan({16}, {{2, {{count, {}, {{0, 0}}, {}}}}});
  HeapMemory first(16), second(16);
  const auto run = [&](HeapMemory& memory, int64_t steps) {
    return plan.run(recorder, plan.bind(std::vector{memory.span()}), steps, never);
  };
  check(run(first, 1) == 1 && calls == 2 && recordings == 0, "one step to be run as it is");
  check(run(first, 1) == 1 && calls == 4 && recordings == 1 && replays == 1,
        "the next in the same memory to be recorded and replayed");
  check(run(first, 3) == 3 && calls == 4 && recordings == 1 && replays == 4, "later ones to be replayed");
  check(run(second, 3) == 3 && calls == 8 && recordings == 2 && replays == 6,
        "other memory to be recorded anew, after a step that is run as it is");
  const Plan::Binding cancelled = plan.bind(std::vector{second.span()});
  plan.cancel();
  check(plan.run(recorder, cancelled, 3, never) == 0 && replays == 6, "a cancelled run not to be replayed");
}

void failedRecordingsAreErrors() {
  bool fails = true;
  FakeDevice recorder([](const KernelDescription&) { return FakeKernel{}; },
                      [&](const std::function<void()>& work) -> std::unique_ptr<Replay> {
                        work();
                        if (fails) throw DeviceError("cannot be captured");
                        return nullptr;
                      });
  int calls = 0;
  Plan plan({}, {{1, {{action("count", [&] { calls++; }), {}, {}, {}}}}});
  checkThrows<DeviceError>([&] { plan.run(recorder, plan.bind({}), 2, never); }, "cannot be captured");
  fails = false;
  calls = 0;
  check(plan.run(recorder, plan.bind({}), 2, never) == 2 && calls == 2, "later runs to go on without");
}

void profilesEachCall() {
  std::string trace;
  int recordings = 0;
  FakeDevice enqueuing([](const KernelDescription&) { return FakeKernel{}; },
                       [&](const std::function<void()>&) -> std::unique_ptr<Replay> {
                         recordings++;
                         return nullptr;
                       },
                       [&] { trace += "|"; });
  const auto note = [&](const char* letter, std::chrono::milliseconds duration) {
    return KernelCall{action(letter,
                             [&trace, letter, duration] {
                               trace += letter;
                               std::this_thread::sleep_for(duration);
                             }),
                      {},
                      {},
                      {}};
  };
  using std::chrono::milliseconds;
  Plan plan({}, {{1, {note("a", milliseconds(0))}},
                 {3, {note("b", milliseconds(2)), note("c", milliseconds(0))}},
                 {1, {note("d", milliseconds(1))}}});
  const Profile profile = plan.profile(enqueuing, plan.bind({}), 2, never);
  check(trace == "|a|b|c|b|c|b|c|d|a|b|c|b|c|b|c|d|", "each kernel to be waited for, received " + trace);
  check(recordings == 0, "nothing to be recorded");
  check(profile.steps == 2 && profile.kernelSeconds.size() == 4, "two steps of four kernel calls");
  check(profile.kernelSeconds[1] >= 0.012 && profile.kernelSeconds[3] >= 0.002,
        "the time of all steps and repeats to be that of its call");
  const double sum = std::accumulate(profile.kernelSeconds.begin(), profile.kernelSeconds.end(), 0.0);
  check(sum <= profile.seconds, "the kernels' time to be within that of the steps");

  const Plan::Binding cancelled = plan.bind({});
  plan.cancel();
  const Profile none = plan.profile(enqueuing, cancelled, 2, never);
  check(none.steps == 0 && none.kernelSeconds == std::vector<double>(4), "nothing to be run when cancelled");
}

void errorsNameTheOp() {
  Plan plan({}, {{1, {{action("bad", [] { throw std::runtime_error("no such luck"); }), {}, {}, {}}}}});
  checkThrows<DeviceError>([&] { runOn(plan, 1, {}); }, "bad: no such luck");
  checkThrows<DeviceError>([&] { runOn(plan, 1, {}); }, "bad: no such luck");
}

void allocatesNothingPerStep() {
  HeapMemory memory(64);
  Plan plan(
      {64},
      {{8, {{touch({DType::float32, {4}}), {}, {{0, 4}}, {}}, {add(2), {{0, 0}, {0, 8}}, {{0, 16}}, {}}}}});
  const Plan::Binding binding = plan.bind(std::vector{memory.span()});
  const size_t before = allocations;
  const int64_t steps = plan.run(device, binding, 1000, never);
  const size_t after = allocations;
  check(steps == 1000, "a thousand steps");
  check(before > 0 && after == before, "no allocation, received " + std::to_string(after - before));
}

}  // namespace

int main() {
  __sanitizer_install_malloc_and_free_hooks([](const volatile void*, size_t) { allocations++; },
                                            [](const volatile void*) {});
  return run({{"adds at offsets", addsAtOffsets},
              {"scratch is discarded before each step", scratchIsDiscardedBeforeEachStep},
              {"runs stages in order", runsStagesInOrder},
              {"refuses wrong plans", refusesWrongPlans},
              {"refuses wrong memory", refusesWrongMemory},
              {"never writes outside", neverWritesOutside},
              {"cancel ends runs that were bound", cancelEndsRunsThatWereBound},
              {"stopping ends runs at once", stoppingEndsRunsAtOnce},
              {"records what runs again", recordsWhatRunsAgain},
              {"failed recordings are errors", failedRecordingsAreErrors},
              {"profiles each call", profilesEachCall},
              {"errors name the op", errorsNameTheOp},
              {"allocates nothing per step", allocatesNothingPerStep}});
}
