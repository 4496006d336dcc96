// What this CPU can do at most, measured.
#pragma once

#include "../core/backend.h"

namespace mlpconv {

/// Takes half a second and three arrays of at least 64 MiB. Throws OutOfMemoryError.
Peaks measurePeaks(Device& device);

}  // namespace mlpconv
