#include "device.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cudnn_frontend/thirdparty/nlohmann/json.hpp>
#include <thread>

#include "kernels.h"

namespace mlpconv {
namespace {

class GpuMemory final : public Memory {
 public:
  GpuMemory(std::shared_ptr<const CudaContext> context, size_t bytes, Contents contents)
      : context_(std::move(context)), bytes_(bytes), data_(context_->allocate(bytes, contents)) {}
  ~GpuMemory() override { context_->free(data_); }

  void* data() const override { return data_; }
  size_t bytes() const override { return bytes_; }

 private:
  std::shared_ptr<const CudaContext> context_;
  size_t bytes_;
  void* data_;
};

/// An instantiated CUDA graph. Few launches are ahead of the GPU at any time, so that a run can be cancelled.
class GraphReplay final : public Replay {
 public:
  GraphReplay(std::shared_ptr<const CudaContext> context, cudaStream_t stream, cudaGraph_t graph)
      : context_(std::move(context)), stream_(stream) {
    const CudaRuntime& cuda = context_->runtime();
    cuda.check(cuda.cudaGraphInstantiate(&executable_, graph, 0), "instantiating a step's graph");
  }
  ~GraphReplay() override {
    const CudaRuntime& cuda = context_->runtime();
    for (cudaEvent_t event : events_) {
      if (event != nullptr) cuda.cudaEventDestroy(event);
    }
    cuda.cudaGraphExecDestroy(executable_);
  }

  void run() override {
    const CudaRuntime& cuda = context_->runtime();
    cudaEvent_t& event = events_[launched_++ % events_.size()];
    if (event == nullptr) {
      constexpr unsigned int flags = cudaEventDisableTiming | cudaEventBlockingSync;
      cuda.check(cuda.cudaEventCreateWithFlags(&event, flags), "cudaEventCreate");
    } else {
      cuda.check(cuda.cudaEventSynchronize(event), "waiting for a step");
    }
    cuda.check(cuda.cudaGraphLaunch(executable_, stream_), "launching a step");
    cuda.check(cuda.cudaEventRecord(event, stream_), "cudaEventRecord");
  }

 private:
  std::shared_ptr<const CudaContext> context_;
  cudaStream_t stream_;
  cudaGraphExec_t executable_ = nullptr;
  std::array<cudaEvent_t, 4> events_ = {};
  size_t launched_ = 0;
};

using CapturedGraph = std::unique_ptr<CUgraph_st, decltype(::cudaGraphDestroy)*>;

/// Ends the capture whether or not the work throws.
CapturedGraph capture(const CudaRuntime& cuda, cudaStream_t stream, const std::function<void()>& work) {
  const auto end = [&] {
    cudaGraph_t graph = nullptr;
    const cudaError_t status = cuda.cudaStreamEndCapture(stream, &graph);
    return std::pair(status, CapturedGraph(graph, cuda.cudaGraphDestroy));
  };
  try {
    work();
  } catch (...) {
    end();
    cuda.cudaGetLastError();
    throw;
  }
  auto [status, graph] = end();
  cuda.check(status, "capturing a step");
  return std::move(graph);
}

/// What tells one kind of GPU from another.
std::string describe(const cudaDeviceProp& properties) {
  return nlohmann::json{{"deviceName", properties.name},
                        {"deviceVer", properties.major * 100 + properties.minor * 10},
                        {"multiProcessorCount", properties.multiProcessorCount}}
      .dump();
}

/// Of cuDNN's device properties. Throws OptionError if they are none.
int readComputeCapability(const std::string& properties) {
  const auto json = nlohmann::json::parse(properties, nullptr, false);
  if (!json.is_object() || !json.contains("deviceVer") || !json["deviceVer"].is_number_integer()) {
    throw OptionError("properties: expected cuDNN's device properties as JSON, with deviceVer, received " +
                      properties);
  }
  return json["deviceVer"].get<int>() / 10;
}

}  // namespace

CudaDevice::CudaDevice(const DeviceOptions& options)
    : context_(options.properties.empty() ? std::make_shared<CudaContext>(options.index) : nullptr),
      properties_(context_ ? describe(context_->properties()) : options.properties),
      computeCapability_(readComputeCapability(properties_)),
      autotunes_(options.autotune && context_ != nullptr),
      poisons_(std::getenv("MLPCONV_POISON") != nullptr) {}

CudaDevice::~CudaDevice() {
  if (!context_) return;
  const CudaRuntime& cuda = context_->runtime();
  // What a lost device had is lost.
  if (cuda.cudaSetDevice(context_->index()) != cudaSuccess) return;
  cudnn_.destroy(handle_);
  for (const cudnnHandle_t handle : planningHandles_) cudnn_.destroy(handle);
  if (stream_ != nullptr) cuda.cudaStreamDestroy(stream_);
}

void CudaDevice::attach() {
  if (!context_) return;
  const CudaRuntime& cuda = runtime();
  context_->enter();
  if (stream_ == nullptr) {
    cuda.check(cuda.cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate");
  }
  if (handle_ == nullptr) handle_ = cudnn_.create(stream_);
  if (!module_) module_.emplace(cuda, context_->properties().multiProcessorCount);
}

const CudaContext& CudaDevice::context() const {
  if (!context_) throw DeviceError("this device is only a description: kernels can be made for it, not run");
  return *context_;
}

std::string CudaDevice::planFolder() const {
  const char* const folder = std::getenv("MLPCONV_PLAN_CACHE");
  return folder == nullptr ? (cacheFolder() / "plans").string() : folder;
}

const Module& CudaDevice::module() const {
  context();
  return *module_;
}

size_t CudaDevice::freeBytes() const { return context().freeBytes(); }

std::shared_ptr<Memory> CudaDevice::allocate(size_t bytes, Contents contents) {
  context();
  return std::make_shared<GpuMemory>(context_, bytes, contents);
}

// Copies from and to memory that is not pinned; whoever asked synchronizes before it is used or freed.
void CudaDevice::write(Memory& memory, size_t byteOffset, const void* data, size_t bytes) {
  std::byte* const target = static_cast<std::byte*>(memory.data()) + byteOffset;
  runtime().check(runtime().cudaMemcpyAsync(target, data, bytes, cudaMemcpyHostToDevice, stream_), "write");
}

void CudaDevice::read(const Memory& memory, size_t byteOffset, void* data, size_t bytes) {
  const std::byte* const source = static_cast<const std::byte*>(memory.data()) + byteOffset;
  runtime().check(runtime().cudaMemcpyAsync(data, source, bytes, cudaMemcpyDeviceToHost, stream_), "read");
}

void CudaDevice::discard(void* data, size_t bytes) {
  if (!poisons_) return;
  // As float32 and as bfloat16 a NaN.
  runtime().check(runtime().cudaMemsetAsync(data, 0xff, bytes, stream_), "discarding memory");
}

std::shared_ptr<Kernel> CudaDevice::createKernel(const KernelDescription& description) {
  return mlpconv::createKernel(*this, description);
}

int CudaDevice::compilingThreads() const {
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

void CudaDevice::attachCompilingThread() {
  if (context_) context_->enter();
}

std::shared_ptr<cudnnContext> CudaDevice::planningHandle() {
  if (!context_) return nullptr;
  const auto giveBack = [this](cudnnHandle_t handle) {
    const std::lock_guard lock(handleMutex_);
    planningHandles_.push_back(handle);
  };
  std::unique_lock lock(handleMutex_);
  if (planningHandles_.empty()) {
    lock.unlock();
    return {cudnn_.create(stream_), giveBack};
  }
  const cudnnHandle_t handle = planningHandles_.back();
  planningHandles_.pop_back();
  return {handle, giveBack};
}

void CudaDevice::synchronize() {
  if (context_) runtime().check(runtime().cudaStreamSynchronize(stream_), "running on the GPU");
}

std::unique_ptr<Replay> CudaDevice::record(const std::function<void()>& work) {
  const CudaRuntime& cuda = runtime();
  // Other threads may allocate meanwhile.
  cuda.check(cuda.cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), "capturing a step");
  const CapturedGraph graph = capture(cuda, stream_, work);
  return std::make_unique<GraphReplay>(context_, stream_, graph.get());
}

}  // namespace mlpconv
