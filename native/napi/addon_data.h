// What one loaded addon keeps per environment (the main thread and each of worker_threads have their own).
#pragma once

#include <napi.h>

#include <map>
#include <set>
#include <string>

namespace mlpconv {

class DeviceState;

struct AddonData {
  static AddonData& of(Napi::Env env) { return *env.GetInstanceData<AddonData>(); }

  /// The constructors of the wrapped classes, by name.
  std::map<std::string, Napi::FunctionReference> constructors;
  /// Devices whose worker thread runs.
  std::set<DeviceState*> devices;
  /// Whether `devices` will be closed when the process exits.
  bool closesOnExit = false;
};

}  // namespace mlpconv
