#include "runtime.h"

#include <cstdlib>

namespace mlpconv::emulator {
namespace {

size_t number(const char* variable, size_t fallback) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

}  // namespace

Runtime::Runtime()
    : memory(number("MLPCONV_EMULATOR_MEMORY", size_t{4} << 30)),
      faultAt_(static_cast<int64_t>(number("MLPCONV_EMULATOR_FAULT", 0))) {}

Runtime& Runtime::instance() {
  static Runtime runtime;
  return runtime;
}

cudaError_t Runtime::enqueue(Stream& stream, Work work) {
  if (lost != cudaSuccess) return lost;
  if (stream.capture == nullptr) {
    stream.works.push_back(std::move(work));
    return cudaSuccess;
  }
  if (!stream.capture->valid) return cudaErrorStreamCaptureInvalidated;
  stream.capture->works.push_back(std::move(work));
  return cudaSuccess;
}

cudaError_t Runtime::runFirst(Stream& stream) {
  const Work work = std::move(stream.works.front());
  stream.works.pop_front();
  try {
    work();
  } catch (const Fault& fault) {
    lost = fault.status;
    lostMessage = fault.message;
    for (Stream* each : streams) each->works.clear();
  }
  return lost;
}

cudaError_t Runtime::drain(Stream& stream) {
  if (lost != cudaSuccess) return lost;
  for (Stream* other : streams) {
    if (other == &stream) continue;
    for (size_t count = random_() % (other->works.size() + 1); count > 0 && lost == cudaSuccess; count--) {
      runFirst(*other);
    }
  }
  while (!stream.works.empty() && lost == cudaSuccess) runFirst(stream);
  return lost;
}

cudaError_t Runtime::drain(Event& event) {
  if (lost != cudaSuccess) return lost;
  while (event.reached < event.recorded && lost == cudaSuccess) runFirst(*event.stream);
  return lost;
}

bool Runtime::spoilsCapture() {
  bool spoils = false;
  for (Stream* stream : streams) {
    if (stream->capture == nullptr || stream->capture->thread != std::this_thread::get_id()) continue;
    stream->capture->valid = false;
    spoils = true;
  }
  return spoils;
}

void Runtime::countLaunch() {
  launches_++;
  if (launches_ == faultAt_) throw Fault{cudaErrorIllegalAddress, "an illegal memory access was encountered"};
}

void Runtime::expectInitialized(const std::string& reader, const void* data, size_t bytes) const {
  const std::string found = memory.findUninitialized(data, bytes);
  if (!found.empty()) throw Fault{cudaErrorIllegalAddress, reader + " " + found};
}

void Runtime::runKernel(const std::string& name, const std::function<void()>& run) {
  wrong_.clear();
  run();
  if (!wrong_.empty()) throw Fault{cudaErrorIllegalAddress, name + " " + wrong_};
}

// Nothing can be thrown through a kernel, whose compiler does not know that its accesses are calls.
void Runtime::onRead(const void* data, size_t bytes) {
  if (wrong_.empty()) wrong_ = memory.checkRead(data, bytes);
}

void Runtime::onWrite(const void* data, size_t bytes) {
  std::string found = memory.checkWrite(data, bytes);
  if (wrong_.empty()) wrong_ = std::move(found);
}

}  // namespace mlpconv::emulator
