// A device, its worker thread, and the way of results back to JavaScript.
#pragma once

#include <napi.h>

#include <atomic>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "../core/backend.h"
#include "../core/worker.h"
#include "errors.h"

namespace mlpconv {

class DeviceState;

/// Work with a promise. It is made, settled and destroyed on the JavaScript thread; only `work` is called on
/// the worker's.
class Job : public Task {
 public:
  Job(Napi::Env env, std::shared_ptr<DeviceState> state)
      : state_(std::move(state)), deferred_(Napi::Promise::Deferred::New(env)) {}

  Napi::Promise promise() const { return deferred_.Promise(); }
  void run(const std::atomic<bool>& stopping) noexcept final;
  void settle(Napi::Env env) noexcept;

 protected:
  virtual void work(Device& device, const std::atomic<bool>& stopping) = 0;
  virtual Napi::Value result(Napi::Env env) = 0;

 private:
  template <typename Body>
  void attempt(const Body& body) noexcept;

  const std::shared_ptr<DeviceState> state_;
  const Napi::Promise::Deferred deferred_;
  std::exception_ptr error_;
};

/// All methods but `attachedDevice` are for the JavaScript thread.
class DeviceState : public std::enable_shared_from_this<DeviceState> {
 public:
  static std::shared_ptr<DeviceState> create(Napi::Env env, const DeviceOptions& options);
  DeviceState(const DeviceState&) = delete;
  DeviceState& operator=(const DeviceState&) = delete;
  ~DeviceState() { close(); }

  /// Throws DisposedError after `dispose()`.
  Device& device() const;
  /// The same for the worker thread, which attaches the device when it first needs it.
  Device& attachedDevice();

  /// Calls `work(device, stopping)` on the worker thread and resolves to `result(env, what it returned)`.
  /// What the two own is freed on the JavaScript thread.
  template <typename Work, typename Result>
  Napi::Promise submit(Napi::Env env, Work work, Result result);

  /// Ends all pending work, which rejects with DisposedError. Waits for nothing.
  void dispose();
  /// Ends all pending work, whose promises are dropped, and waits for the thread. For the end of the
  /// environment.
  void close() noexcept;

 private:
  static void wake(Napi::Env env, Napi::Function callback, DeviceState* self, void* data);
  using Wakeups = Napi::TypedThreadSafeFunction<DeviceState, void, wake>;

  DeviceState(Napi::Env env, const DeviceOptions& options);
  static void onTeardown(void* self);
  Napi::Promise post(std::unique_ptr<Job> job);
  void settleFinished();

  const Napi::Env env_;
  const std::unique_ptr<Device> device_;
  /// The worker thread's.
  bool attached_ = false;
  bool disposed_ = false;
  size_t pending_ = 0;
  /// Absent when closed.
  std::optional<Worker> worker_;
  /// Keeps the process alive while work is pending, and only then.
  Wakeups wakeups_;
};

template <typename Work, typename Result>
Napi::Promise DeviceState::submit(Napi::Env env, Work work, Result result) {
  using Value = decltype(work(std::declval<Device&>(), std::declval<const std::atomic<bool>&>()));

  class Submitted final : public Job {
   public:
    Submitted(Napi::Env env, std::shared_ptr<DeviceState> state, Work work, Result result)
        : Job(env, std::move(state)), work_(std::move(work)), result_(std::move(result)) {}

   private:
    void work(Device& device, const std::atomic<bool>& stopping) override {
      value_ = work_(device, stopping);
    }
    Napi::Value result(Napi::Env env) override { return result_(env, std::move(*value_)); }

    Work work_;
    Result result_;
    std::optional<Value> value_;
  };

  device();
  return post(std::make_unique<Submitted>(env, shared_from_this(), std::move(work), std::move(result)));
}

}  // namespace mlpconv
