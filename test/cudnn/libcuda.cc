// A libcuda.so.1 for machines without NVIDIA's driver, with which the real cuDNN builds plans for GPUs that
// are not there. It is a test double: every function says that there is no device and does nothing, except
// that loading a kernel succeeds, since cuDNN takes no engine otherwise whose kernel it compiles at run time.
//
// It includes no header of CUDA: that would declare other parameters. A C function may be called with more
// arguments than it reads.
#include <cstdint>

namespace {

constexpr int success = 0;
constexpr int noDevice = 100;
/// What a kernel's handle points to; it is never followed.
char kernel;

}  // namespace

#define EXPORTED extern "C" __attribute__((visibility("default")))
#define NO_DEVICE(name) \
  EXPORTED int name() { return noDevice; }
#define SUCCEED(name) \
  EXPORTED int name() { return success; }

NO_DEVICE(cuInit)
NO_DEVICE(cuGetProcAddress)
NO_DEVICE(cuGetProcAddress_v2)
NO_DEVICE(cuCtxGetCurrent)
NO_DEVICE(cuCtxGetLimit)
NO_DEVICE(cuCtxPopCurrent)
NO_DEVICE(cuCtxPopCurrent_v2)
NO_DEVICE(cuCtxPushCurrent)
NO_DEVICE(cuCtxPushCurrent_v2)
NO_DEVICE(cuDeviceGet)
NO_DEVICE(cuDeviceGetCount)
NO_DEVICE(cuDriverGetVersion)
NO_DEVICE(cuGetErrorName)
NO_DEVICE(cuGetErrorString)
NO_DEVICE(cuLaunchCooperativeKernel)
NO_DEVICE(cuLaunchKernel)
NO_DEVICE(cuLaunchKernelEx)
NO_DEVICE(cuLinkAddData)
NO_DEVICE(cuLinkAddData_v2)
NO_DEVICE(cuLinkComplete)
NO_DEVICE(cuLinkCreate)
NO_DEVICE(cuLinkCreate_v2)
NO_DEVICE(cuLinkDestroy)
NO_DEVICE(cuModuleGetFunction)
NO_DEVICE(cuModuleLoadData)
NO_DEVICE(cuModuleUnload)
NO_DEVICE(cuOccupancyMaxPotentialClusterSize)
NO_DEVICE(cuStreamGetCtx)
NO_DEVICE(cuStreamGetCtx_v2)
NO_DEVICE(cuTensorMapEncodeIm2col)
NO_DEVICE(cuTensorMapEncodeTiled)

SUCCEED(cuLibraryLoadData)
SUCCEED(cuLibraryLoadFromFile)
SUCCEED(cuLibraryUnload)
SUCCEED(cuKernelGetAttribute)
SUCCEED(cuKernelSetAttribute)

EXPORTED int cuLibraryGetKernel(void** handle) {
  *handle = &kernel;
  return success;
}

EXPORTED int cuKernelGetFunction(void** function) {
  *function = &kernel;
  return success;
}
