#include "../../native/core/worker.h"

#include <chrono>
#include <future>
#include <thread>

#include "../../native/core/errors.h"
#include "check.h"

using namespace mlpconv;
using namespace mlpconv::test;

namespace {

/// Counts the tasks that live, and notes in which order and how they ran.
struct Log {
  std::atomic<int> living = 0;
  std::vector<int> ran;
  std::vector<int> ranStopping;
};

class NotingTask : public Task {
 public:
  NotingTask(Log& log, int id) : id(id), log_(log) { log_.living++; }
  ~NotingTask() override { log_.living--; }
  void run(const std::atomic<bool>& stopping) noexcept override {
    (stopping ? log_.ranStopping : log_.ran).push_back(id);
  }
  const int id;

 private:
  Log& log_;
};

/// Runs until it is told to stop, and says when it has begun.
class EndlessTask final : public Task {
 public:
  explicit EndlessTask(std::promise<void>& begun) : begun_(begun) {}
  void run(const std::atomic<bool>& stopping) noexcept override {
    begun_.set_value();
    while (!stopping) std::this_thread::yield();
  }

 private:
  std::promise<void>& begun_;
};

std::vector<int> numbers(int from, int to) {
  std::vector<int> result;
  for (int i = from; i < to; i++) result.push_back(i);
  return result;
}

void runsInOrder() {
  constexpr int count = 1000;
  Log log;
  std::promise<void> done;
  std::atomic<int> notified = 0;
  Worker worker([&] {
    if (++notified == count) done.set_value();
  });
  for (int i = 0; i < count; i++) worker.post(std::make_unique<NotingTask>(log, i));
  done.get_future().wait();
  check(log.ran == numbers(0, count), "all tasks in the order of posting");
  std::vector<int> finished;
  for (const auto& task : worker.takeFinished()) finished.push_back(static_cast<NotingTask&>(*task).id);
  check(finished == numbers(0, count), "all of them back, in the same order");
  check(worker.takeFinished().empty(), "each of them once");
  check(log.living == 0, "that the poster destroyed them");
}

void stopEndsWhatRunsAndReturnsWhatWaits() {
  Log log;
  std::promise<void> begun;
  std::promise<void> done;
  std::atomic<int> notified = 0;
  Worker worker([&] {
    if (++notified == 4) done.set_value();
  });
  worker.post(std::make_unique<EndlessTask>(begun));
  for (int i = 0; i < 3; i++) worker.post(std::make_unique<NotingTask>(log, i));
  begun.get_future().wait();
  worker.stop();
  worker.stop();
  done.get_future().wait();
  check(log.ran.empty() && log.ranStopping == numbers(0, 3), "the waiting tasks to see that it stops");
  check(worker.takeFinished().size() == 4, "all four back");
  checkThrows<DisposedError>([&] { worker.post(std::make_unique<NotingTask>(log, 9)); }, "disposed");
  check(log.living == 0, "a task that was refused to be destroyed");
}

void destructorStopsAndJoins() {
  Log log;
  std::promise<void> begun;
  {
    Worker worker([] {});
    worker.post(std::make_unique<EndlessTask>(begun));
    for (int i = 0; i < 3; i++) worker.post(std::make_unique<NotingTask>(log, i));
    begun.get_future().wait();
  }
  check(log.ranStopping == numbers(0, 3), "the waiting tasks to have run before the destructor returned");
  check(log.living == 0, "tasks that nobody took to be destroyed");
}

void manyWorkersStartAndEnd() {
  for (int i = 0; i < 200; i++) {
    Log log;
    {
      Worker worker([] {});
      if (i % 2 == 0) worker.post(std::make_unique<NotingTask>(log, i));
      if (i % 3 == 0) worker.stop();
    }
    check(log.living == 0 && log.ran.size() + log.ranStopping.size() == (i % 2 == 0 ? 1 : 0),
          "each task run once");
  }
}

}  // namespace

int main() {
  return run({{"runs in order", runsInOrder},
              {"stop ends what runs and returns what waits", stopEndsWhatRunsAndReturnsWhatWaits},
              {"the destructor stops and joins", destructorStopsAndJoins},
              {"many workers start and end", manyWorkersStartAndEnd}});
}
