#include "libraries.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>

#include "../core/errors.h"

namespace mlpconv {
namespace {

namespace fs = std::filesystem;

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::vector<fs::path> roots() {
  std::vector<fs::path> roots;
  for (const char* name : {"MLPCONV_CUDA_PATH", "CUDA_HOME", "CUDA_PATH"}) {
    if (const std::string folder = variable(name); !folder.empty()) roots.emplace_back(folder);
  }
  roots.emplace_back("/usr/local/cuda");
  roots.push_back(cacheFolder() / MLPCONV_CUDA_WHEELS);
  return roots;
}

}  // namespace

const char* const Library::cudaAdvice =
    "; install NVIDIA's CUDA 13 and cuDNN 9, or run 'npm run build:cuda', which fetches both, or name their "
    "folder in MLPCONV_CUDA_PATH";

fs::path cacheFolder() {
  if (const std::string folder = variable("MLPCONV_CACHE"); !folder.empty()) return folder;
  if (const std::string folder = variable("XDG_CACHE_HOME"); !folder.empty())
    return fs::path(folder) / "mlpconv";
  return fs::path(variable("HOME")) / ".cache" / "mlpconv";
}

std::vector<std::string> libraryCandidates(const std::string& name) {
  std::vector<std::string> files;
  for (const fs::path& root : roots()) {
    // Toolkits have lib64, PyPI's wheels a folder per package.
    for (const char* folder :
         {"", "lib64", "lib", "nvidia/cu13/lib", "nvidia/cudnn/lib", "nvidia/nccl/lib"}) {
      files.push_back((root / folder / name).string());
    }
  }
  files.push_back(name);
  return files;
}

Library Library::open(const std::string& name, std::string advice) {
  std::string tried;
  for (const std::string& file : libraryCandidates(name)) {
    const bool isBare = file == name;
    if (!isBare && !fs::exists(file)) {
      tried += "\n  " + file + ": no such file";
      continue;
    }
    // Global, since cuDNN's own libraries look for each other and for the runtime by name.
    void* const handle = dlopen(file.c_str(), RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE);
    if (handle != nullptr) return {file, handle, std::move(advice)};
    const char* const reason = dlerror();
    tried += "\n  " + file + ": " + (reason == nullptr ? "cannot be opened" : reason);
  }
  throw DeviceError("expected " + name + ", tried" + tried + advice);
}

std::optional<Library> Library::find(const std::string& name) {
  try {
    return open(name);
  } catch (const DeviceError&) {
    return std::nullopt;
  }
}

void* Library::symbol(const char* name) const {
  void* const found = dlsym(handle_, name);
  if (found == nullptr) {
    throw DeviceError("expected " + std::string(name) + " in " + path_ + ", which is too old" + advice_);
  }
  return found;
}

}  // namespace mlpconv
