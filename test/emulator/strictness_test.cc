// The emulator refuses what a GPU would not survive, or would do wrongly only sometimes.
#include <cuda_runtime_api.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <thread>
#include <vector>

#include "../native/check.h"

namespace mlpconv::test {
namespace {

constexpr size_t bytes = 1000;

struct Stream {
  cudaStream_t stream = nullptr;
  Stream() { cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { cudaStreamDestroy(stream); }

  float* allocate() const {
    void* data = nullptr;
    check(cudaMallocAsync(&data, bytes, stream) == cudaSuccess, "memory");
    return static_cast<float*>(data);
  }
};

void memoryIsPoisoned() {
  const Stream on;
  float* const data = on.allocate();
  float value = 0;
  check(cudaMemcpyAsync(&value, data, sizeof value, cudaMemcpyDeviceToHost, on.stream) == cudaSuccess,
        "a copy");
  check(value == 0, "a copy to be late");
  cudaStreamSynchronize(on.stream);
  check(std::isnan(value), "new memory to be full of NaNs");
  cudaFreeAsync(data, on.stream);
}

void rangesAreChecked() {
  const Stream on;
  float* const data = on.allocate();
  std::vector<float> host(bytes);
  const auto write = [&](void* target, const void* source, size_t size) {
    return cudaMemcpyAsync(target, source, size, cudaMemcpyHostToDevice, on.stream);
  };
  check(write(data, host.data(), bytes) == cudaSuccess, "all of it to be written");
  check(write(data, host.data(), bytes + 1) == cudaErrorInvalidValue, "not one byte more");
  check(write(data + 1, host.data(), bytes) == cudaErrorInvalidValue, "not beyond the end");
  check(write(data - 1, host.data(), 4) == cudaErrorInvalidValue, "not before the begin");
  check(write(host.data(), host.data(), 4) == cudaErrorInvalidValue, "no host memory as the device's");
  check(write(data, data, 4) == cudaErrorInvalidValue, "no device memory as the host's");
  check(cudaMemsetAsync(data, 0, bytes + 1, on.stream) == cudaErrorInvalidValue,
        "not one byte more to be set");
  cudaFreeAsync(data, on.stream);
}

void freedMemoryIsGone() {
  const Stream on;
  float* const data = on.allocate();
  check(cudaFreeAsync(data + 1, on.stream) == cudaErrorInvalidValue, "only a begin to be freed");
  check(cudaFreeAsync(data, on.stream) == cudaSuccess, "memory to be freed");
  check(cudaFreeAsync(data, on.stream) == cudaErrorInvalidValue, "not twice");
  check(cudaMemsetAsync(data, 0, 4, on.stream) == cudaErrorInvalidValue, "freed memory not to be set");
}

/// The signal that ends a process that does `body`, or 0.
template <typename Body>
int signalOf(const Body& body) {
  const pid_t child = fork();
  if (child == 0) {
    body();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

void accessOutsideEndsTheProcess() {
  const Stream on;
  volatile float* const data = on.allocate();
  constexpr size_t rounded = 1024 / sizeof(float);
  check(signalOf([&] { data[0] = 1; }) == 0, "the first element to be there");
  check(signalOf([&] { data[rounded] = 1; }) == SIGSEGV, "what is behind the end not to be");
  cudaFreeAsync(const_cast<float*>(data), on.stream);
  cudaStreamSynchronize(on.stream);
  check(signalOf([&] { data[0] = 1; }) == SIGSEGV, "freed memory not to be there");
}

void workIsLate() {
  const Stream first, second;
  float* const data = first.allocate();
  float value = 1;
  cudaMemcpyAsync(data, &value, sizeof value, cudaMemcpyHostToDevice, first.stream);
  value = 2;
  float read = 0;
  cudaMemcpyAsync(&read, data, sizeof read, cudaMemcpyDeviceToHost, first.stream);
  cudaStreamSynchronize(first.stream);
  check(read == 2, "a copy to read its source when its stream comes to it");
  cudaFreeAsync(data, second.stream);
}

void capturesRefuse() {
  const Stream on;
  float* const data = on.allocate();
  const auto spoils = [&](const auto& call) {
    check(cudaStreamBeginCapture(on.stream, cudaStreamCaptureModeThreadLocal) == cudaSuccess, "a capture");
    check(call() == cudaErrorStreamCaptureUnsupported, "the call to be refused");
    cudaGraph_t graph = nullptr;
    check(cudaStreamEndCapture(on.stream, &graph) == cudaErrorStreamCaptureInvalidated,
          "the capture to be spoilt");
    check(graph == nullptr, "no graph");
  };
  void* more = nullptr;
  float value = 0;
  spoils([&] { return cudaMallocAsync(&more, bytes, on.stream); });
  spoils([&] { return cudaFreeAsync(data, on.stream); });
  spoils([&] { return cudaStreamSynchronize(on.stream); });
  spoils([&] { return cudaMemcpyAsync(data, &value, sizeof value, cudaMemcpyHostToDevice, on.stream); });
  // Another thread may.
  cudaStreamBeginCapture(on.stream, cudaStreamCaptureModeThreadLocal);
  const Stream* other = nullptr;
  std::thread([&] {
    static const Stream made;
    other = &made;
    check(cudaMallocAsync(&more, bytes, made.stream) == cudaSuccess, "another thread to allocate");
  }).join();
  cudaGraph_t graph = nullptr;
  check(cudaStreamEndCapture(on.stream, &graph) == cudaSuccess, "that capture to be whole");
  cudaGraphDestroy(graph);
  cudaFreeAsync(more, other->stream);
  cudaFreeAsync(data, on.stream);
}

void graphsRunWhatWasCaptured() {
  const Stream on;
  float* const data = on.allocate();
  cudaMemsetAsync(data, 0, bytes, on.stream);
  cudaStreamSynchronize(on.stream);
  cudaStreamBeginCapture(on.stream, cudaStreamCaptureModeThreadLocal);
  cudaMemsetAsync(data, 1, 4, on.stream);
  cudaGraph_t graph = nullptr;
  cudaStreamEndCapture(on.stream, &graph);
  cudaGraphExec_t executable = nullptr;
  cudaGraphInstantiate(&executable, graph, 0);
  int value = 0;
  const auto read = [&] {
    cudaMemcpyAsync(&value, data, sizeof value, cudaMemcpyDeviceToHost, on.stream);
    cudaStreamSynchronize(on.stream);
    return value;
  };
  check(read() == 0, "what is captured not to be run");
  cudaGraphLaunch(executable, on.stream);
  check(read() == 0x01010101, "the graph to run it");
  cudaGraphDestroy(graph);
  cudaGraphExecDestroy(executable);
  cudaFreeAsync(data, on.stream);
}

}  // namespace
}  // namespace mlpconv::test

int main() {
  using namespace mlpconv::test;
  return run({{"memory is poisoned", memoryIsPoisoned},
              {"ranges are checked", rangesAreChecked},
              {"freed memory is gone", freedMemoryIsGone},
              {"access outside ends the process", accessOutsideEndsTheProcess},
              {"work is late", workIsLate},
              {"captures refuse", capturesRefuse},
              {"graphs run what was captured", graphsRunWhatWasCaptured}});
}
