// The emulated CUDA runtime: one device, its memory, streams whose work runs as late and in as odd an order
// as CUDA allows, events, and graphs.
#pragma once

#include <cuda_runtime_api.h>

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "memory.h"

namespace mlpconv::emulator {

/// Something that a stream does. It throws Fault if it does what a real device would not survive.
using Work = std::function<void()>;

/// What ends the emulated device: from then on every call fails.
struct Fault {
  cudaError_t status;
  std::string message;
};

struct Capture {
  std::thread::id thread;
  std::vector<Work> works;
  bool valid = true;
};

struct Stream {
  std::deque<Work> works;
  std::unique_ptr<Capture> capture;
};

struct Event {
  /// Records that were asked for and those that the stream has come to.
  int recorded = 0;
  int reached = 0;
  Stream* stream = nullptr;
  std::chrono::steady_clock::time_point time;
};

struct Graph {
  std::vector<Work> works;
};

/// All of it is behind one lock: calls come from JavaScript's thread and from the addon's.
class Runtime {
 public:
  static Runtime& instance();

  std::recursive_mutex mutex;
  DeviceMemory memory;
  std::set<Stream*> streams;
  std::set<Event*> events;
  /// What the last call of a thread that failed said, and what ended the device.
  cudaError_t last = cudaSuccess;
  cudaError_t lost = cudaSuccess;
  std::string lostMessage;

  /// Adds work to a stream, or to the graph that is captured from it. What cannot be captured must not be
  /// enqueued.
  cudaError_t enqueue(Stream& stream, Work work);
  /// Runs all of a stream's work, after more or less of the other streams'.
  cudaError_t drain(Stream& stream);
  cudaError_t drain(Event& event);
  /// Whether this thread captures: many calls are forbidden then, and spoil the capture.
  bool spoilsCapture();
  /// Counts launches, and throws the Fault that MLPCONV_EMULATOR_FAULT=<number of the launch> asks for.
  void countLaunch();
  /// Throws Fault if any byte of the device's memory was never written; `reader` is who reads it.
  void expectInitialized(const std::string& reader, const void* data, size_t bytes) const;
  /// Runs a kernel, each of whose accesses is checked. Throws Fault for the first that is wrong.
  void runKernel(const std::string& name, const std::function<void()>& run);
  /// What the kernel that runs does; see kernel.h.
  void onRead(const void* data, size_t bytes);
  void onWrite(const void* data, size_t bytes);

 private:
  Runtime();
  cudaError_t runFirst(Stream& stream);

  /// The first wrong access of the kernel that runs.
  std::string wrong_;
  std::mt19937 random_{1};
  int64_t launches_ = 0;
  int64_t faultAt_ = 0;
};

}  // namespace mlpconv::emulator

/// For the emulated cuDNN. Adds work to a stream; returns 0, or the error.
extern "C" int emulatorEnqueue(void* stream, const mlpconv::emulator::Work* work);
/// Whether a range is device memory that may be used.
extern "C" bool emulatorContains(const void* data, size_t bytes);
/// Of device memory, when its stream has come to it: throws Fault if any byte was never written; marks bytes
/// as written; makes them as if they never were.
extern "C" void emulatorExpectInitialized(const char* reader, const void* data, size_t bytes);
extern "C" void emulatorInitialize(const void* data, size_t bytes);
extern "C" void emulatorForget(void* data, size_t bytes);
