#include "device_state.h"

#include "addon_data.h"

namespace mlpconv {

namespace {

/// When the process exits, no worker may still run while static destructors do. Environment cleanup hooks are
/// not called then on the main thread, but `process` says it.
void closeOnExit(Napi::Env env) {
  AddonData& data = AddonData::of(env);
  if (data.closesOnExit) return;
  const auto close = [](const Napi::CallbackInfo& info) {
    const std::set<DeviceState*> devices = AddonData::of(info.Env()).devices;
    for (DeviceState* device : devices) device->close();
  };
  const Napi::Object process = env.Global().Get("process").As<Napi::Object>();
  process.Get("once").As<Napi::Function>().Call(
      process, {Napi::String::New(env, "exit"), Napi::Function::New(env, close, "closeDevices")});
  data.closesOnExit = true;
}

}  // namespace

template <typename Body>
void Job::attempt(const Body& body) noexcept {
  try {
    body();
  } catch (...) {
    if (!error_) error_ = std::current_exception();
  }
}

void Job::run(const std::atomic<bool>& stopping) noexcept {
  if (!stopping) {
    attempt([&] {
      Device& device = state_->attachedDevice();
      attempt([&] { work(device, stopping); });
      // Also after an error: the device may still use what this job owns.
      device.synchronize();
    });
  }
  if (stopping)
    error_ = std::make_exception_ptr(DisposedError("the device was disposed while this was pending"));
}

void Job::settle(Napi::Env env) noexcept {
  try {
    Napi::Value value;
    try {
      if (error_) std::rethrow_exception(error_);
      value = result(env);
    } catch (...) {
      deferred_.Reject(toJavaScript(env, std::current_exception()).Value());
      return;
    }
    deferred_.Resolve(value);
  } catch (...) {
    // The environment is ending, so that the promise cannot be settled any more.
  }
}

std::shared_ptr<DeviceState> DeviceState::create(Napi::Env env, const DeviceOptions& options) {
  closeOnExit(env);
  // The constructor is private, so that std::make_shared cannot call it.
  return std::shared_ptr<DeviceState>(new DeviceState(env, options));
}

DeviceState::DeviceState(Napi::Env env, const DeviceOptions& options)
    : env_(env), device_(backend().createDevice(options)) {
  worker_.emplace([this] { wakeups_.NonBlockingCall(); });
  wakeups_ = Wakeups::New(env, "mlpconv", 0, 1, this);
  wakeups_.Unref(env);
  AddonData::of(env).devices.insert(this);
  // After `wakeups_` was made and so before it is torn down.
  napi_add_env_cleanup_hook(env, onTeardown, this);
}

void DeviceState::onTeardown(void* self) { static_cast<DeviceState*>(self)->close(); }

Device& DeviceState::device() const {
  if (disposed_) throw DisposedError("the device was disposed");
  return *device_;
}

Device& DeviceState::attachedDevice() {
  if (!attached_) device_->attach();
  attached_ = true;
  return *device_;
}

Napi::Promise DeviceState::post(std::unique_ptr<Job> job) {
  const Napi::Promise promise = job->promise();
  worker_->post(std::move(job));
  if (pending_++ == 0) wakeups_.Ref(env_);
  return promise;
}

void DeviceState::wake(Napi::Env env, Napi::Function /*callback*/, DeviceState* self, void* /*data*/) {
  // Without an environment this is what is left over after the end, and `self` may be gone.
  if (env == nullptr) return;
  const std::shared_ptr<DeviceState> keep = self->shared_from_this();
  self->settleFinished();
}

void DeviceState::settleFinished() {
  if (!worker_) return;
  for (const std::unique_ptr<Task>& task : worker_->takeFinished()) {
    static_cast<Job&>(*task).settle(env_);
    pending_--;
  }
  if (pending_ > 0) return;
  if (disposed_) {
    close();
  } else {
    wakeups_.Unref(env_);
  }
}

void DeviceState::dispose() {
  disposed_ = true;
  if (!worker_) return;
  worker_->stop();
  if (pending_ == 0) close();
}

void DeviceState::close() noexcept {
  if (!worker_) return;
  // Jobs own this state: the last of them must not end it here.
  const std::shared_ptr<DeviceState> keep = weak_from_this().lock();
  disposed_ = true;
  worker_.reset();
  napi_remove_env_cleanup_hook(env_, onTeardown, this);
  AddonData::of(env_).devices.erase(this);
  wakeups_.Abort();
}

}  // namespace mlpconv
