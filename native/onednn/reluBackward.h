// reluBackward behind what makes its dy, in one kernel.
#pragma once

#include <memory>

#include "device.h"

namespace mlpconv {

/// `kernel`, whose output is dx. If `is`, a ReLU's backward is behind it: that ReLU's y is the last input.
std::shared_ptr<Kernel> andReluBackward(const OneDnnDevice& device, bool is, const TensorSpec& dx,
                                        std::shared_ptr<Kernel> kernel);

}  // namespace mlpconv
