// A small harness for native tests: each program is a list of cases, and a check that fails ends its case.
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <iostream>
#include <source_location>
#include <stdexcept>
#include <string>
#include <vector>

namespace mlpconv::test {

class Failure : public std::runtime_error {
 public:
  Failure(const std::string& message, const std::source_location& location)
      : std::runtime_error(std::string(location.file_name()) + ":" + std::to_string(location.line()) + ": " +
                           message) {}
};

/// Fails unless `holds`.
inline void check(bool holds, const std::string& expectation,
                  const std::source_location& location = std::source_location::current()) {
  if (!holds) throw Failure("expected " + expectation, location);
}

/// Fails unless `body` throws an E whose message has `part` in it.
template <typename E>
void checkThrows(const std::function<void()>& body, const std::string& part,
                 const std::source_location& location = std::source_location::current()) {
  try {
    body();
  } catch (const E& error) {
    check(std::string(error.what()).find(part) != std::string::npos,
          "an error with '" + part + "', received: " + error.what(), location);
    return;
  } catch (const std::exception& error) {
    throw Failure(std::string("expected another type of error, received: ") + error.what(), location);
  }
  throw Failure("expected an error with '" + part + "'", location);
}

struct Case {
  std::string name;
  std::function<void()> body;
};

/// Runs all cases and returns the exit status: 0 if none failed.
inline int run(const std::vector<Case>& cases) {
  size_t failed = 0;
  for (const Case& one : cases) {
    try {
      one.body();
    } catch (const std::exception& error) {
      ++failed;
      std::cout << one.name << ": " << error.what() << "\n";
    }
  }
  std::cout << cases.size() - failed << " passed, " << failed << " failed" << std::endl;
  return failed == 0 ? 0 : 1;
}

}  // namespace mlpconv::test
