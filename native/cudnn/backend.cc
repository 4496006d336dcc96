#include "../ops/list.h"
#include "context.h"
#include "cudnnLibrary.h"
#include "device.h"

namespace mlpconv {
namespace {

using Facts = std::map<std::string, Attributes::Value>;

std::string megabytes(size_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

/// "NVIDIA H100, compute capability 9.0, 79000 of 81000 MiB free", or why it cannot be used.
std::string describe(int index) {
  try {
    const CudaContext context(index);
    const cudaDeviceProp& properties = context.properties();
    return std::string(properties.name) + ", compute capability " + std::to_string(properties.major) + "." +
           std::to_string(properties.minor) + ", " + megabytes(context.freeBytes()) + " of " +
           megabytes(properties.totalGlobalMem) + " free";
  } catch (const Error& error) {
    return error.what();
  }
}

void addRuntime(Facts& facts) {
  const CudaRuntime cuda;
  int version = 0;
  cuda.check(cuda.cudaRuntimeGetVersion(&version), "cudaRuntimeGetVersion");
  facts["runtime"] = cudaVersion(version) + ", " + cuda.library.path();
  cuda.check(cuda.cudaDriverGetVersion(&version), "cudaDriverGetVersion");
  facts["driver"] =
      version == 0 ? std::string("none: there is no NVIDIA driver") : "for CUDA " + cudaVersion(version);
  int count = 0;
  if (version > 0) {
    const cudaError_t status = cuda.cudaGetDeviceCount(&count);
    if (status != cudaSuccess && status != cudaErrorNoDevice) facts["driver"] = cuda.message(status);
    if (status != cudaSuccess) count = 0;
  }
  facts["devices"] = static_cast<double>(count);
  for (int i = 0; i < count; i++) facts["device " + std::to_string(i)] = describe(i);
}

/// "2.32.3" of 23203; up to 2.8 there was one digit less.
std::string ncclVersion(int version) {
  const int unit = version < 10000 ? 1000 : 10000;
  return std::to_string(version / unit) + "." + std::to_string(version % unit / 100) + "." +
         std::to_string(version % 100);
}

void addCudnn(Facts& facts) {
  const CudnnLibrary cudnn;
  facts["cuDNN"] = cudnn.version() + ", " + cudnn.path();
}

/// Nothing uses it yet.
void addNccl(Facts& facts) {
  const Library nccl = Library::open(
      "libnccl.so.2",
      "; one GPU needs none, and mlpconv does not yet train on several; 'pip install --target <folder> "
      "nvidia-nccl-cu13' fetches it, and MLPCONV_CUDA_PATH=<folder> names it");
  int version = 0;
  // Its header is not needed to build with: ncclResult_t ncclGetVersion(int*), where 0 is success.
  if (nccl.function<int(int*)>("ncclGetVersion")(&version) != 0) {
    throw DeviceError(nccl.path() + " does not say its version");
  }
  facts["NCCL"] = ncclVersion(version) + ", " + nccl.path();
}

/// Each fact stands for itself: one that is missing says why and hides no other.
Facts info() {
  Facts facts = {{"devices", 0.0}};
  const auto attempt = [&](const char* name, void (*add)(Facts&)) {
    try {
      add(facts);
    } catch (const Error& error) {
      facts[name] = std::string(error.what());
    }
  };
  attempt("runtime", addRuntime);
  attempt("cuDNN", addCudnn);
  attempt("NCCL", addNccl);
  return facts;
}

std::unique_ptr<Device> createDevice(const DeviceOptions& options) {
  return std::make_unique<CudaDevice>(options);
}

}  // namespace

const Backend& backend() {
  static constexpr Backend cudnn = {"cudnn", opNames, info, createDevice};
  return cudnn;
}

}  // namespace mlpconv
