#include "worker.h"

#include <utility>

#include "errors.h"

namespace mlpconv {

Worker::Worker(std::function<void()> notify) : notify_(std::move(notify)), thread_([this] { loop(); }) {}

Worker::~Worker() {
  stop();
  thread_.join();
}

void Worker::post(std::unique_ptr<Task> task) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) throw DisposedError("the device was disposed");
    waiting_.push_back(std::move(task));
  }
  wake_.notify_one();
}

std::vector<std::unique_ptr<Task>> Worker::takeFinished() {
  const std::lock_guard lock(mutex_);
  return std::exchange(finished_, {});
}

void Worker::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
}

void Worker::loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    std::unique_ptr<Task> task = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    task->run(stopping_);
    lock.lock();
    finished_.push_back(std::move(task));
    lock.unlock();
    notify_();
    lock.lock();
  }
}

}  // namespace mlpconv
