#include "kernel.h"

namespace mlpconv {

namespace {

Napi::Number toNumber(Napi::Env env, size_t value) {
  return Napi::Number::New(env, static_cast<double>(value));
}

}  // namespace

Napi::Object NativeKernel::wrap(Napi::Env env, const std::shared_ptr<DeviceState>& device,
                                const std::shared_ptr<const CompiledKernel>& kernel) {
  const Napi::Array outputBytes = Napi::Array::New(env);
  for (const Extent& output : kernel->outputs) {
    outputBytes.Set(outputBytes.Length(), toNumber(env, output.bytes));
  }

  const Napi::Array packs = Napi::Array::New(env);
  for (const CompiledPack& pack : kernel->packs) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("input", toNumber(env, pack.input));
    object.Set("bytes", toNumber(env, pack.kernel->outputs.front().bytes));
    object.Set("kernel", wrap(env, device, pack.kernel));
    packs.Set(packs.Length(), object);
  }

  const Napi::Object object = create(env, std::make_shared<KernelState>(device, kernel));
  const auto readonly = [](const char* field, Napi::Value value) {
    return Napi::PropertyDescriptor::Value(field, value, napi_enumerable);
  };
  object.DefineProperties(
      {readonly("workspaceBytes", toNumber(env, kernel->workspace.bytes)),
       readonly("outputBytes", outputBytes), readonly("packs", packs),
       readonly("implementation", Napi::String::New(env, kernel->kernel->implementation()))});
  return object;
}

}  // namespace mlpconv
