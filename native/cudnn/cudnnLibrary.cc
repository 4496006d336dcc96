#include "cudnnLibrary.h"

#include "../core/errors.h"

namespace cudnn_frontend {

/// Where cudnn-frontend looks cuDNN's functions up: its name and place are cudnn-frontend's. All devices of a
/// process open the same library.
void* cudnn_dlhandle = nullptr;

}  // namespace cudnn_frontend

namespace mlpconv {
namespace {

/// The oldest cuDNN whose graphs have all that is used.
constexpr size_t leastVersion = 91000;

std::string text(size_t version) {
  return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

size_t versionOf(const Library& library) {
  return library.function<decltype(cudnnGetVersion)>("cudnnGetVersion")();
}

/// Opens the compiler of cuDNN's engines that are compiled at run time, with its builtins: that of
/// CUDA 13.0's wheels does not look for them beside itself. Where our search has none, cuDNN asks the
/// system's loader.
void openCompiler() {
  const auto nvrtc = Library::find("libnvrtc.so." + std::to_string(CUDART_VERSION / 1000));
  int major = 0, minor = 0;
  if (!nvrtc || nvrtc->function<int(int*, int*)>("nvrtcVersion")(&major, &minor) != 0) return;
  Library::find("libnvrtc-builtins.so." + std::to_string(major) + "." + std::to_string(minor));
}

Library openCudnn() {
  openCompiler();
  Library library = Library::open("libcudnn.so.9");
  if (versionOf(library) < leastVersion) {
    throw DeviceError("expected cuDNN " + text(leastVersion) + " or newer, found " +
                      text(versionOf(library)) + " in " + library.path() +
                      "; install a newer one, or run 'npm run build:cuda', which fetches one");
  }
  return library;
}

}  // namespace

CudnnLibrary::CudnnLibrary() : library_(openCudnn()) { cudnn_frontend::cudnn_dlhandle = library_.handle(); }

std::string CudnnLibrary::version() const { return text(versionOf(library_)); }

cudnnHandle_t CudnnLibrary::create(cudaStream_t stream) const {
  const auto check = [this](cudnnStatus_t status, const char* what) {
    if (status == CUDNN_STATUS_SUCCESS) return;
    const auto words = library_.function<decltype(cudnnGetErrorString)>("cudnnGetErrorString");
    throw DeviceError(std::string(what) + ": cuDNN says: " + words(status));
  };
  cudnnHandle_t handle = nullptr;
  check(library_.function<decltype(cudnnCreate)>("cudnnCreate")(&handle), "cudnnCreate");
  const cudnnStatus_t status = library_.function<decltype(cudnnSetStream)>("cudnnSetStream")(handle, stream);
  if (status != CUDNN_STATUS_SUCCESS) destroy(handle);
  check(status, "cudnnSetStream");
  return handle;
}

void CudnnLibrary::destroy(cudnnHandle_t handle) const noexcept {
  if (handle != nullptr) library_.function<decltype(cudnnDestroy)>("cudnnDestroy")(handle);
}

}  // namespace mlpconv
