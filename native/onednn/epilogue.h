// What a kernel does to its results before it writes them.
#pragma once

namespace mlpconv {

/// reluBackward keeps a result where a further input, of the results' shape, is above 0; elsewhere it is 0.
enum class Epilogue { none, relu, reluBackward };

}  // namespace mlpconv
