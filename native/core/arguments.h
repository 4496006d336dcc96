// A kernel's arguments, as what they are.
#pragma once

#include "backend.h"

namespace mlpconv {

template <typename T>
T* input(const Arguments& arguments, size_t index) {
  return static_cast<T*>(arguments.inputs[index]);
}

template <typename T>
T* output(const Arguments& arguments, size_t index) {
  return static_cast<T*>(arguments.outputs[index]);
}

}  // namespace mlpconv
