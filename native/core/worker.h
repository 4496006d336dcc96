// One thread that runs tasks in the order in which they were posted and hands them back when they are done.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace mlpconv {

/// A unit of work. It comes back to the poster, who destroys it: what it owns is never freed on the worker's
/// thread.
class Task {
 public:
  Task() = default;
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  virtual ~Task() = default;

  /// Runs on the worker's thread. `stopping` may become true meanwhile: then it returns as soon as it can.
  virtual void run(const std::atomic<bool>& stopping) noexcept = 0;
};

class Worker {
 public:
  /// `notify` is called on the worker's thread after each task that is done; it must not throw.
  explicit Worker(std::function<void()> notify);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  /// Stops and waits until the thread has ended.
  ~Worker();

  /// Throws DisposedError after `stop()`.
  void post(std::unique_ptr<Task> task);
  /// The tasks that are done, in order, each of them once.
  std::vector<std::unique_ptr<Task>> takeFinished();
  /// Waits for nothing. Every task still comes back, run with `stopping` set.
  void stop();

 private:
  void loop();

  const std::function<void()> notify_;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::unique_ptr<Task>> waiting_;
  std::vector<std::unique_ptr<Task>> finished_;
  // Last, so that all else is there before the thread starts.
  std::thread thread_;
};

}  // namespace mlpconv
