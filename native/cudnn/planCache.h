// Built plans, kept in files from one run to the next: cuDNN's runtime-compiled ones take up to seconds each.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace mlpconv {

class PlanCache {
 public:
  /// One file per plan in `folder`, which is made when it is needed. An empty path: nothing is kept.
  explicit PlanCache(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// What was written under the very same key, whole, or nothing.
  std::optional<std::string> read(const std::string& key) const;

  /// Does nothing where the folder cannot be written to: a cache is no reason to fail.
  void write(const std::string& key, const std::string& plan) const;

 private:
  std::filesystem::path file(const std::string& key) const;

  std::filesystem::path folder_;
};

}  // namespace mlpconv
