#include "errors.h"

#include <new>

namespace mlpconv {

namespace {

template <typename JavaScriptError = Napi::Error>
Napi::Error withCode(Napi::Env env, const char* code, const char* message) {
  Napi::Error error = JavaScriptError::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  return error;
}

Napi::Error outOfMemory(Napi::Env env, const OutOfMemoryError& cause) {
  Napi::Error error = withCode(env, cause.code(), cause.what());
  error.Set("neededBytes", Napi::Number::New(env, static_cast<double>(cause.neededBytes())));
  error.Set("freeBytes", Napi::Number::New(env, static_cast<double>(cause.freeBytes())));
  return error;
}

}  // namespace

Napi::Error toJavaScript(Napi::Env env, const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const Napi::Error& error) {
    return error;
  } catch (const OutOfMemoryError& error) {
    return outOfMemory(env, error);
  } catch (const ArgumentError& error) {
    return withCode<Napi::TypeError>(env, error.code(), error.what());
  } catch (const Error& error) {
    return withCode(env, error.code(), error.what());
  } catch (const std::bad_alloc&) {
    return outOfMemory(env, OutOfMemoryError("the host has too little free memory", 0, 0));
  } catch (const std::exception& error) {
    return withCode(env, "ERR_DEVICE", error.what());
  } catch (...) {
    return withCode(env, "ERR_DEVICE", "the backend failed for an unknown reason");
  }
}

}  // namespace mlpconv
