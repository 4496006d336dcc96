// Shared libraries that are opened at run time: a machine may lack them, and the addon must still load.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace mlpconv {

/// An open library. It stays open to the end of the process: its threads may outlive whoever used it.
class Library {
 public:
  /// Opens the first of the places where `name` ("libcudart.so.13") is, in this order: the folders that
  /// MLPCONV_CUDA_PATH, CUDA_HOME and CUDA_PATH name, /usr/local/cuda, the wheels that `npm run build:cuda`
  /// keeps in the cache, and where the system's loader looks. Throws DeviceError with each place that was
  /// tried, what was wrong with it, and `advice`, how to mend it.
  static Library open(const std::string& name, std::string advice = cudaAdvice);
  /// The same, or nothing where `open` throws.
  static std::optional<Library> find(const std::string& name);

  /// Where it was found.
  const std::string& path() const { return path_; }
  void* handle() const { return handle_; }

  /// A function of the library. Throws DeviceError if it has none of this name, as an older one.
  template <typename Function>
  Function* function(const char* name) const {
    return reinterpret_cast<Function*>(symbol(name));
  }

 private:
  static const char* const cudaAdvice;

  Library(std::string path, void* handle, std::string advice)
      : path_(std::move(path)), handle_(handle), advice_(std::move(advice)) {}
  void* symbol(const char* name) const;

  std::string path_;
  void* handle_;
  std::string advice_;
};

/// Where fetched and made things are kept, as scripts/cache.mjs has it.
std::filesystem::path cacheFolder();

/// The files that are tried for the library `name`, in order; the last is the bare name, for the system's
/// loader.
std::vector<std::string> libraryCandidates(const std::string& name);

}  // namespace mlpconv
