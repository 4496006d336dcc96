// The border: C++ exceptions become JavaScript errors here, and none goes further.
#pragma once

#include <napi.h>

#include <exception>
#include <utility>

#include "../core/errors.h"

namespace mlpconv {

/// An argument of the wrong type: a TypeError in JavaScript.
class ArgumentError : public OptionError {
 public:
  using OptionError::OptionError;
};

/// The JavaScript error for an exception: with a `code`, and `neededBytes` and `freeBytes` if memory ran out
/// (0: unknown). An exception that came from JavaScript is that again.
Napi::Error toJavaScript(Napi::Env env, const std::exception_ptr& exception);

/// Calls `body` and throws in JavaScript what it throws.
template <typename Body>
napi_value guard(Napi::Env env, const Body& body) noexcept {
  try {
    try {
      return body();
    } catch (...) {
      toJavaScript(env, std::current_exception()).ThrowAsJavaScriptException();
    }
  } catch (...) {
    // The environment is ending, so that nothing can be thrown in it any more.
  }
  return nullptr;
}

}  // namespace mlpconv
