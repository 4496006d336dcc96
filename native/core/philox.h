// Philox 4x32-10, the counter-based random generator of Salmon, Moraes, Dror and Shaw, "Parallel random
// numbers: as easy as 1, 2, 3" (SC 2011): the same words on every device, in any order.
#pragma once

#include <cstdint>

#include "portable.h"

namespace mlpconv {

struct PhiloxCounter {
  uint32_t word[4];
};

struct PhiloxKey {
  uint32_t word[2];
};

/// Four independent random words for a counter and a key.
MLPCONV_HOST_DEVICE inline PhiloxCounter philox4x32(PhiloxCounter counter, PhiloxKey key) {
  constexpr int rounds = 10;
  constexpr uint32_t multipliers[2] = {0xD2511F53u, 0xCD9E8D57u};
  constexpr uint32_t increments[2] = {0x9E3779B9u, 0xBB67AE85u};
  for (int round = 0; round < rounds; ++round) {
    const uint64_t a = static_cast<uint64_t>(multipliers[0]) * counter.word[0];
    const uint64_t b = static_cast<uint64_t>(multipliers[1]) * counter.word[2];
    counter = {{static_cast<uint32_t>(b >> 32) ^ counter.word[1] ^ key.word[0], static_cast<uint32_t>(b),
                static_cast<uint32_t>(a >> 32) ^ counter.word[3] ^ key.word[1], static_cast<uint32_t>(a)}};
    key.word[0] += increments[0];
    key.word[1] += increments[1];
  }
  return counter;
}

}  // namespace mlpconv
