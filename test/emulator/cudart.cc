// A libcudart.so for machines without a GPU: a test double. What real CUDA forbids it refuses; see README.md.
#include <dlfcn.h>

#include <cstring>
#include <filesystem>
#include <utility>

#include "runtime.h"

using namespace mlpconv::emulator;

namespace {

struct Kernel {
  std::string name;
  void (*run)(const void* functor, int64_t count);
  size_t functorBytes;
};

struct Library {
  void* handle;
  std::vector<std::unique_ptr<Kernel>> kernels;
};

thread_local int currentDevice = 0;

/// Runs a call's body behind the lock, and remembers its error.
template <typename Body>
cudaError_t call(const Body& body) {
  Runtime& runtime = Runtime::instance();
  const std::lock_guard lock(runtime.mutex);
  const cudaError_t status = runtime.lost != cudaSuccess ? runtime.lost : body(runtime);
  if (status != cudaSuccess) runtime.last = status;
  return status;
}

/// The same, of a call that a thread that captures must not make.
template <typename Body>
cudaError_t callOutsideCapture(const Body& body) {
  return call([&](Runtime& runtime) {
    return runtime.spoilsCapture() ? cudaErrorStreamCaptureUnsupported : body(runtime);
  });
}

/// The stream, or null if it is none that lives.
Stream* streamOf(Runtime& runtime, cudaStream_t stream) {
  auto* const found = reinterpret_cast<Stream*>(stream);
  return runtime.streams.contains(found) ? found : nullptr;
}

template <typename Body>
cudaError_t withStream(Runtime& runtime, cudaStream_t stream, const Body& body) {
  Stream* const found = streamOf(runtime, stream);
  return found == nullptr ? cudaErrorInvalidResourceHandle : body(*found);
}

Event* eventOf(Runtime& runtime, cudaEvent_t event) {
  auto* const found = reinterpret_cast<Event*>(event);
  return runtime.events.contains(found) ? found : nullptr;
}

}  // namespace

#define EXPORTED extern "C" __attribute__((visibility("default")))

EXPORTED cudaError_t cudaDriverGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

EXPORTED cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

EXPORTED const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "cudaSuccess";
    case cudaErrorInvalidValue:
      return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation:
      return "cudaErrorMemoryAllocation";
    case cudaErrorIllegalAddress:
      return "cudaErrorIllegalAddress";
    case cudaErrorInvalidResourceHandle:
      return "cudaErrorInvalidResourceHandle";
    case cudaErrorStreamCaptureUnsupported:
      return "cudaErrorStreamCaptureUnsupported";
    case cudaErrorStreamCaptureInvalidated:
      return "cudaErrorStreamCaptureInvalidated";
    default:
      return "another error of the emulator";
  }
}

EXPORTED const char* cudaGetErrorString(cudaError_t error) {
  Runtime& runtime = Runtime::instance();
  return error == runtime.lost && error != cudaSuccess ? runtime.lostMessage.c_str()
                                                       : cudaGetErrorName(error);
}

EXPORTED cudaError_t cudaGetLastError() {
  Runtime& runtime = Runtime::instance();
  const std::lock_guard lock(runtime.mutex);
  if (runtime.lost != cudaSuccess) return runtime.lost;
  return std::exchange(runtime.last, cudaSuccess);
}

EXPORTED cudaError_t cudaGetDeviceCount(int* count) {
  return call([&](Runtime&) {
    *count = 1;
    return cudaSuccess;
  });
}

EXPORTED cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  return call([&](Runtime& runtime) {
    if (device != 0) return cudaErrorInvalidDevice;
    *properties = {};
    std::strcpy(properties->name, "emulator (a test double, no GPU)");
    properties->major = 9;
    properties->multiProcessorCount = 4;
    properties->totalGlobalMem = runtime.memory.totalBytes();
    properties->warpSize = 32;
    return cudaSuccess;
  });
}

EXPORTED cudaError_t cudaSetDevice(int device) {
  return call([&](Runtime&) {
    if (device != 0) return cudaErrorInvalidDevice;
    currentDevice = device;
    return cudaSuccess;
  });
}

EXPORTED cudaError_t cudaGetDevice(int* device) {
  *device = currentDevice;
  return cudaSuccess;
}

EXPORTED cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  return call([&](Runtime& runtime) {
    *free = runtime.memory.freeBytes();
    *total = runtime.memory.totalBytes();
    return cudaSuccess;
  });
}

EXPORTED cudaError_t cudaMallocAsync(void** data, size_t bytes, cudaStream_t stream) {
  return callOutsideCapture([&](Runtime& runtime) {
    return withStream(runtime, stream, [&](Stream&) {
      *data = runtime.memory.allocate(bytes);
      return *data == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
    });
  });
}

EXPORTED cudaError_t cudaFreeAsync(void* data, cudaStream_t stream) {
  return callOutsideCapture([&](Runtime& runtime) {
    return withStream(runtime, stream, [&](Stream& on) {
      if (!runtime.memory.retire(data)) return cudaErrorInvalidValue;
      return runtime.enqueue(on, [&runtime, data] { runtime.memory.release(data); });
    });
  });
}

EXPORTED cudaError_t cudaMemsetAsync(void* data, int value, size_t bytes, cudaStream_t stream) {
  return call([&](Runtime& runtime) {
    return withStream(runtime, stream, [&](Stream& on) {
      if (!runtime.memory.contains(data, bytes)) return cudaErrorInvalidValue;
      return runtime.enqueue(on, [=, &runtime] {
        // Who fills memory with what it is full of when it is allocated means that nobody shall read it.
        if (value == DeviceMemory::poison) return runtime.memory.forget(data, bytes);
        std::memset(data, value, bytes);
        runtime.memory.initialize(data, bytes);
      });
    });
  });
}

EXPORTED cudaError_t cudaMemcpyAsync(void* target, const void* source, size_t bytes, cudaMemcpyKind kind,
                                     cudaStream_t stream) {
  return call([&](Runtime& runtime) {
    return withStream(runtime, stream, [&](Stream& on) {
      // Host memory that is not pinned cannot be captured.
      if (on.capture != nullptr && kind != cudaMemcpyDeviceToDevice) {
        on.capture->valid = false;
        return cudaErrorStreamCaptureUnsupported;
      }
      const bool toDevice = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
      const bool fromDevice = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
      const auto fits = [&](const void* data, bool onDevice) {
        return onDevice ? runtime.memory.contains(data, bytes) : !runtime.memory.overlaps(data, bytes);
      };
      if (kind == cudaMemcpyHostToHost || kind == cudaMemcpyDefault || !fits(target, toDevice) ||
          !fits(source, fromDevice)) {
        return cudaErrorInvalidValue;
      }
      return runtime.enqueue(on, [=, &runtime] {
        if (toDevice && fromDevice) return runtime.memory.copy(target, source, bytes);
        if (fromDevice) runtime.expectInitialized("a copy to the host", source, bytes);
        std::memcpy(target, source, bytes);
        if (toDevice) runtime.memory.initialize(target, bytes);
      });
    });
  });
}

EXPORTED cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned int) {
  return callOutsideCapture([&](Runtime& runtime) {
    auto* const made = std::make_unique<Stream>().release();
    runtime.streams.insert(made);
    *stream = reinterpret_cast<cudaStream_t>(made);
    return cudaSuccess;
  });
}

EXPORTED cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return callOutsideCapture([&](Runtime& runtime) {
    return withStream(runtime, stream, [&](Stream& found) {
      const cudaError_t status = runtime.drain(found);
      runtime.streams.erase(&found);
      const std::unique_ptr<Stream> owned(&found);
      return status;
    });
  });
}

EXPORTED cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return callOutsideCapture([&](Runtime& runtime) {
    return withStream(runtime, stream, [&](Stream& found) { return runtime.drain(found); });
  });
}

EXPORTED cudaError_t cudaDeviceSynchronize() {
  return callOutsideCapture([&](Runtime& runtime) {
    for (Stream* stream : runtime.streams) {
      if (const cudaError_t status = runtime.drain(*stream); status != cudaSuccess) return status;
    }
    return cudaSuccess;
  });
}

EXPORTED cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  return call([&](Runtime& runtime) {
    return withStream(runtime, stream, [&](Stream& found) {
      *status = found.capture == nullptr ? cudaStreamCaptureStatusNone
                : found.capture->valid   ? cudaStreamCaptureStatusActive
                                         : cudaStreamCaptureStatusInvalidated;
      return cudaSuccess;
    });
  });
}

EXPORTED cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  return callOutsideCapture([&](Runtime& runtime) {
    return withStream(runtime, stream, [&](Stream& found) {
      if (found.capture != nullptr) return cudaErrorIllegalState;
      found.capture = std::make_unique<Capture>(Capture{std::this_thread::get_id(), {}, true});
      return cudaSuccess;
    });
  });
}

EXPORTED cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  *graph = nullptr;
  return call([&](Runtime& runtime) {
    return withStream(runtime, stream, [&](Stream& found) {
      const std::unique_ptr<Capture> capture = std::move(found.capture);
      if (capture == nullptr) return cudaErrorIllegalState;
      if (capture->thread != std::this_thread::get_id()) return cudaErrorStreamCaptureWrongThread;
      if (!capture->valid) return cudaErrorStreamCaptureInvalidated;
      *graph =
          reinterpret_cast<cudaGraph_t>(std::make_unique<Graph>(Graph{std::move(capture->works)}).release());
      return cudaSuccess;
    });
  });
}

EXPORTED cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph,
                                          unsigned long long) {
  return callOutsideCapture([&](Runtime&) {
    *executable = reinterpret_cast<cudaGraphExec_t>(
        std::make_unique<Graph>(*reinterpret_cast<const Graph*>(graph)).release());
    return cudaSuccess;
  });
}

EXPORTED cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  return call([&](Runtime& runtime) {
    return withStream(runtime, stream, [&](Stream& on) {
      for (const Work& work : reinterpret_cast<const Graph*>(executable)->works) {
        if (const cudaError_t status = runtime.enqueue(on, work); status != cudaSuccess) return status;
      }
      return cudaSuccess;
    });
  });
}

EXPORTED cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  const std::unique_ptr<Graph> owned(reinterpret_cast<Graph*>(graph));
  return cudaSuccess;
}

EXPORTED cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  const std::unique_ptr<Graph> owned(reinterpret_cast<Graph*>(executable));
  return cudaSuccess;
}

EXPORTED cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned int) {
  return call([&](Runtime& runtime) {
    auto* const made = std::make_unique<Event>().release();
    runtime.events.insert(made);
    *event = reinterpret_cast<cudaEvent_t>(made);
    return cudaSuccess;
  });
}

EXPORTED cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, 0); }

EXPORTED cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return call([&](Runtime& runtime) {
    Event* const found = eventOf(runtime, event);
    if (found == nullptr) return cudaErrorInvalidResourceHandle;
    // Its records may still be in a stream.
    runtime.drain(*found);
    runtime.events.erase(found);
    const std::unique_ptr<Event> owned(found);
    return cudaSuccess;
  });
}

EXPORTED cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return call([&](Runtime& runtime) {
    Event* const found = eventOf(runtime, event);
    if (found == nullptr) return cudaErrorInvalidResourceHandle;
    return withStream(runtime, stream, [&](Stream& on) {
      if (on.capture != nullptr) return cudaErrorStreamCaptureUnsupported;
      found->recorded++;
      found->stream = &on;
      return runtime.enqueue(on, [found] {
        found->reached++;
        found->time = std::chrono::steady_clock::now();
      });
    });
  });
}

EXPORTED cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return callOutsideCapture([&](Runtime& runtime) {
    Event* const found = eventOf(runtime, event);
    return found == nullptr ? cudaErrorInvalidResourceHandle : runtime.drain(*found);
  });
}

EXPORTED cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  return call([&](Runtime& runtime) {
    const Event* const first = eventOf(runtime, start);
    const Event* const last = eventOf(runtime, end);
    if (first == nullptr || last == nullptr) return cudaErrorInvalidResourceHandle;
    if (first->reached < first->recorded || last->reached < last->recorded) return cudaErrorNotReady;
    *milliseconds = std::chrono::duration<float, std::milli>(last->time - first->time).count();
    return cudaSuccess;
  });
}

EXPORTED cudaError_t cudaLibraryLoadData(cudaLibrary_t* library, const void* code, cudaJitOption*, void**,
                                         unsigned int, cudaLibraryOption*, void**, unsigned int) {
  return callOutsideCapture([&](Runtime&) {
    // What the fat binary begins with.
    constexpr uint32_t magic = 0xBA55ED50;
    if (std::memcmp(code, &magic, sizeof magic) != 0) return cudaErrorInvalidSource;
    Dl_info self;
    dladdr(reinterpret_cast<const void*>(&cudaLibraryLoadData), &self);
    const auto file = std::filesystem::path(self.dli_fname).parent_path() / "libemulated_kernels.so";
    void* const handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) return cudaErrorFileNotFound;
    *library = reinterpret_cast<cudaLibrary_t>(std::make_unique<Library>(Library{handle, {}}).release());
    return cudaSuccess;
  });
}

EXPORTED cudaError_t cudaLibraryUnload(cudaLibrary_t library) {
  const std::unique_ptr<Library> owned(reinterpret_cast<Library*>(library));
  return cudaSuccess;
}

EXPORTED cudaError_t cudaLibraryGetKernel(cudaKernel_t* kernel, cudaLibrary_t library, const char* name) {
  return call([&](Runtime&) {
    auto& of = *reinterpret_cast<Library*>(library);
    const std::string symbol = "emulated_" + std::string(name);
    auto* const run = reinterpret_cast<void (*)(const void*, int64_t)>(dlsym(of.handle, symbol.c_str()));
    auto* const bytes = reinterpret_cast<size_t (*)()>(dlsym(of.handle, (symbol + "_bytes").c_str()));
    if (run == nullptr || bytes == nullptr) return cudaErrorSymbolNotFound;
    of.kernels.push_back(std::make_unique<Kernel>(Kernel{name, run, bytes()}));
    *kernel = reinterpret_cast<cudaKernel_t>(of.kernels.back().get());
    return cudaSuccess;
  });
}

EXPORTED cudaError_t cudaLaunchKernel(const void* function, dim3 grid, dim3 block, void** arguments,
                                      size_t shared, cudaStream_t stream) {
  return call([&](Runtime& runtime) {
    return withStream(runtime, stream, [&](Stream& on) {
      const auto& kernel = *static_cast<const Kernel*>(function);
      if (grid.x == 0 || block.x == 0 || block.x > 1024 || shared != 0) return cudaErrorInvalidConfiguration;
      // The arguments are copied now; what they point to is read when the stream comes to it.
      const auto* const functor = static_cast<const std::byte*>(arguments[0]);
      const std::vector<std::byte> copy(functor, functor + kernel.functorBytes);
      const int64_t count = *static_cast<const int64_t*>(arguments[1]);
      return runtime.enqueue(on, [&runtime, name = kernel.name, run = kernel.run, copy, count] {
        runtime.countLaunch();
        runtime.runKernel(name, [&] { run(copy.data(), count); });
      });
    });
  });
}

EXPORTED int emulatorEnqueue(void* stream, const Work* work) {
  return call([&](Runtime& runtime) {
    return withStream(runtime, static_cast<cudaStream_t>(stream), [&](Stream& on) {
      return runtime.enqueue(on, [&runtime, copy = *work] {
        runtime.countLaunch();
        copy();
      });
    });
  });
}

EXPORTED bool emulatorContains(const void* data, size_t bytes) {
  Runtime& runtime = Runtime::instance();
  const std::lock_guard lock(runtime.mutex);
  return runtime.memory.contains(data, bytes);
}

EXPORTED void emulatorExpectInitialized(const char* reader, const void* data, size_t bytes) {
  Runtime::instance().expectInitialized(reader, data, bytes);
}

EXPORTED void emulatorInitialize(const void* data, size_t bytes) {
  Runtime::instance().memory.initialize(data, bytes);
}

EXPORTED void emulatorForget(void* data, size_t bytes) { Runtime::instance().memory.forget(data, bytes); }
