// The emulator refuses what a GPU would not survive, or would do wrongly only sometimes.
#include <cuda_runtime_api.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <string>
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
  // The emulator's memory is the host's.
  check(std::isnan(data[0]) && std::isnan(data[bytes / sizeof(float) - 1]), "new memory to be full of NaNs");
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

/// What the device says, in a process of its own, after `body` and all work: "" where nothing is wrong. A
/// device that has done something wrong is lost.
template <typename Body>
std::string faultOf(const Body& body) {
  int pipe[2];
  check(::pipe(pipe) == 0, "a pipe");
  const pid_t child = fork();
  if (child == 0) {
    body();
    const cudaError_t status = cudaDeviceSynchronize();
    const std::string text = status == cudaSuccess ? "" : cudaGetErrorString(status);
    _exit(write(pipe[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  close(pipe[1]);
  std::string text;
  char piece[256];
  for (ssize_t size = 0; (size = read(pipe[0], piece, sizeof piece)) > 0;) text.append(piece, size);
  close(pipe[0]);
  int status = 0;
  waitpid(child, &status, 0);
  check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a process to end by itself");
  return text;
}

void checkFault(const std::string& fault, const std::string& begin, const std::string& end) {
  if (fault.starts_with(begin) && fault.ends_with(end)) return;
  check(false, "'" + begin + " ... " + end + "', received '" + fault + "'");
}

void copiesToTheHostReadWhatWasWritten() {
  const Stream on;
  auto* const data = reinterpret_cast<std::byte*>(on.allocate());
  auto* const other = reinterpret_cast<std::byte*>(on.allocate());
  std::byte host[bytes] = {};
  const auto read = [&](const std::byte* source, size_t size) {
    cudaMemcpyAsync(host, source, size, cudaMemcpyDeviceToHost, on.stream);
  };
  cudaMemsetAsync(data, 0, 8, on.stream);
  cudaMemcpyAsync(data + 12, host, 4, cudaMemcpyHostToDevice, on.stream);
  check(faultOf([&] {
          read(data, 8);
          read(data + 12, 4);
        }).empty(),
        "what was set or written to be read");
  checkFault(faultOf([&] { read(data, 16); }), "a copy to the host reads byte 8 of the 1000 at 0x",
             ", which nobody wrote");
  checkFault(faultOf([&] {
               cudaMemcpyAsync(other, data, bytes, cudaMemcpyDeviceToDevice, on.stream);
               read(other + 4, 8);
             }),
             "a copy to the host reads byte 8 of the 1000 at 0x", ", which nobody wrote");
  checkFault(faultOf([&] {
               // What is in memory is gone when it is freed.
               cudaFreeAsync(data, on.stream);
               read(reinterpret_cast<std::byte*>(on.allocate()), 4);
             }),
             "a copy to the host reads byte 0 of the 1000 at 0x", ", which nobody wrote");
  checkFault(faultOf([&] {
               cudaMemsetAsync(data, 0xff, 4, on.stream);
               read(data, 4);
             }),
             "a copy to the host reads byte 0 of the 1000 at 0x", ", which nobody wrote");
  cudaFreeAsync(data, on.stream);
  cudaFreeAsync(other, on.stream);
}

/// The arguments of native/cudnn/relu.cu's kernel.
struct Relu {
  const float* x;
  float* y;
  int64_t count;
};

void kernelsReadWhatWasWritten() {
  const Stream on;
  float* const x = on.allocate();
  float* const y = on.allocate();
  constexpr uint32_t fatBinary[] = {0xBA55ED50};
  cudaLibrary_t library = nullptr;
  check(cudaLibraryLoadData(&library, fatBinary, nullptr, nullptr, 0, nullptr, nullptr, 0) == cudaSuccess,
        "the emulated kernels");
  cudaKernel_t kernel = nullptr;
  check(cudaLibraryGetKernel(&kernel, library, "reluFloat32") == cudaSuccess, "a kernel");
  const auto relu = [&](int64_t count) {
    Relu functor{x, y, count};
    int64_t groups = (count + 7) / 8;
    void* arguments[] = {&functor, &groups};
    cudaLaunchKernel(reinterpret_cast<const void*>(kernel), {1, 1, 1}, {32, 1, 1}, arguments, 0, on.stream);
  };
  float host[250];
  cudaMemsetAsync(x, 0, 101 * sizeof(float), on.stream);
  check(faultOf([&] {
          relu(101);
          cudaMemcpyAsync(host, y, 101 * sizeof(float), cudaMemcpyDeviceToHost, on.stream);
        }).empty(),
        "a kernel to read what was set, and what it writes to be read");
  checkFault(faultOf([&] { relu(102); }), "reluFloat32 reads byte 404 of the 1000 at 0x",
             ", which nobody wrote");
  checkFault(faultOf([&] {
               relu(101);
               cudaMemcpyAsync(host, y, 102 * sizeof(float), cudaMemcpyDeviceToHost, on.stream);
             }),
             "a copy to the host reads byte 404 of the 1000 at 0x", ", which nobody wrote");
  cudaMemsetAsync(x, 0, bytes, on.stream);
  checkFault(faultOf([&] { relu(251); }), "reluFloat32 reads byte 1000 of the 1000 at 0x",
             ", outside of them");
  checkFault(faultOf([&] {
               Relu functor{x, y + 2, 250};
               int64_t groups = 32;
               void* arguments[] = {&functor, &groups};
               cudaLaunchKernel(reinterpret_cast<const void*>(kernel), {1, 1, 1}, {32, 1, 1}, arguments, 0,
                                on.stream);
             }),
             "reluFloat32 writes byte 1000 of the 1000 at 0x", ", outside of them");
  cudaFreeAsync(x, on.stream);
  cudaFreeAsync(y, on.stream);
  cudaLibraryUnload(library);
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
              {"copies to the host read what was written", copiesToTheHostReadWhatWasWritten},
              {"kernels read what was written", kernelsReadWhatWasWritten},
              {"freed memory is gone", freedMemoryIsGone},
              {"access outside ends the process", accessOutsideEndsTheProcess},
              {"work is late", workIsLate},
              {"captures refuse", capturesRefuse},
              {"graphs run what was captured", graphsRunWhatWasCaptured}});
}
