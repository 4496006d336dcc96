// Philox 4x32-10 against the known answers of its authors (Random123's kat_vectors).
#include "../../native/core/philox.h"

#include "check.h"

namespace mlpconv::test {
namespace {

struct KnownAnswer {
  PhiloxCounter counter;
  PhiloxKey key;
  PhiloxCounter words;
};

constexpr KnownAnswer knownAnswers[] = {
    {{{0, 0, 0, 0}}, {{0, 0}}, {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}}},
    {{{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}},
     {{0xffffffff, 0xffffffff}},
     {{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}}},
    {{{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}},
     {{0xa4093822, 0x299f31d0}},
     {{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}},
};

void testKnownAnswers() {
  for (const KnownAnswer& known : knownAnswers) {
    const PhiloxCounter words = philox4x32(known.counter, known.key);
    for (int i = 0; i < 4; ++i) {
      check(words.word[i] == known.words.word[i], "word " + std::to_string(i) + " to be " +
                                                      std::to_string(known.words.word[i]) + ", received " +
                                                      std::to_string(words.word[i]));
    }
  }
}

}  // namespace
}  // namespace mlpconv::test

int main() { return mlpconv::test::run({{"known answers", mlpconv::test::testKnownAnswers}}); }
