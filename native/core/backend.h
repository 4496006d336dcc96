// The contract between the plan and a backend. native/onednn and native/cudnn each define `backend()`.
//
// Shapes are logical (NCHW, OIHW); in memory every tensor of rank 4 is channels-last (NHWC, OHWI), all others
// are row-major, and `opaque` is a blob in the backend's own layout.
//
// Work comes from the device's worker thread: kernels are made there, with the help of other threads where
// the device allows it, and run there, and memory is written and read. Any thread may call Backend's
// functions, Device's `threads`, `freeBytes` and `allocate`, and Memory's methods, and destroy kernels and
// memory; their device lives longer than they do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "errors.h"

namespace mlpconv {

enum class DType : uint8_t { float32, bfloat16, float64, int32, int64, uint8, opaque };

/// Bytes per element.
size_t byteSize(DType dtype);

/// What a tensor is, without its values.
struct TensorSpec {
  DType dtype = DType::float32;
  std::vector<int64_t> shape;

  int64_t elements() const;
  size_t bytes() const;
};

/// An op's plain parameters. A reader throws OptionError, naming the attribute, if it is absent or of another
/// type.
class Attributes {
 public:
  using Value = std::variant<bool, double, std::string, std::vector<double>>;

  Attributes() = default;
  explicit Attributes(std::map<std::string, Value> values) : values_(std::move(values)) {}

  bool boolean(const std::string& name) const;
  double number(const std::string& name) const;
  int64_t integer(const std::string& name) const;
  const std::string& text(const std::string& name) const;
  std::vector<double> numbers(const std::string& name) const;
  std::vector<int64_t> integers(const std::string& name) const;

 private:
  template <typename T>
  const T& read(const std::string& name, const char* type) const;

  std::map<std::string, Value> values_;
};

struct KernelDescription {
  std::string op;
  Attributes attributes;
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
};

/// Where a kernel's tensors are in device memory, in the order of its description.
struct Arguments {
  std::span<void* const> inputs;
  std::span<void* const> outputs;
  void* workspace = nullptr;
};

class Kernel;

/// A kernel that turns one input into the layout that another kernel reads: one input, one opaque output.
struct Pack {
  size_t input;
  size_t bytes;
  std::shared_ptr<Kernel> kernel;
};

/// One op of one shape. It allocates nothing when it runs.
class Kernel {
 public:
  Kernel() = default;
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;
  virtual ~Kernel() = default;

  virtual size_t workspaceBytes() const { return 0; }
  /// The size of an output whose dtype is opaque.
  virtual size_t opaqueBytes(size_t /*output*/) const { return 0; }
  virtual std::vector<Pack> packs() const { return {}; }
  /// How the library does it, for people: "eng33_k2=2 rtc".
  virtual std::string implementation() const { return {}; }
  /// Runs, or enqueues on the device's stream.
  virtual void run(const Arguments& arguments) = 0;
};

/// What is in memory when it is made: zeros, or anything, for those who write it before they read it.
enum class Contents { zeros, undefined };

/// Device memory.
class Memory {
 public:
  Memory() = default;
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  virtual ~Memory() = default;

  virtual void* data() const = 0;
  virtual size_t bytes() const = 0;
};

/// Recorded work.
class Replay {
 public:
  Replay() = default;
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;
  virtual ~Replay() = default;

  /// Runs it, or enqueues it; then it waits where a few runs are enqueued already.
  virtual void run() = 0;
};

/// What a device can do at most.
struct Peaks {
  /// Multiply-adds in float32, each of them two, per second.
  double flops;
  /// Bytes of memory per second, read and written.
  double bandwidth;
};

class Device {
 public:
  Device() = default;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;
  virtual ~Device() = default;

  /// Called on the worker thread before its first work, once, or again for the next work if it throws.
  virtual void attach() = 0;
  virtual int threads() const = 0;
  /// Free bytes.
  virtual size_t freeBytes() const = 0;
  /// Throws OutOfMemoryError.
  virtual std::shared_ptr<Memory> allocate(size_t bytes, Contents contents) = 0;
  virtual void write(Memory& memory, size_t byteOffset, const void* data, size_t bytes) = 0;
  virtual void read(const Memory& memory, size_t byteOffset, void* data, size_t bytes) = 0;
  /// Nobody needs what is in this memory any more. A device may overwrite it, so that it shows who reads it
  /// all the same. Runs, or is enqueued, as kernels are.
  virtual void discard(void* /*data*/, size_t /*bytes*/) {}
  /// Throws, naming the op, if there is no such kernel. Only as many threads as `compilingThreads` says may
  /// call it at once.
  virtual std::shared_ptr<Kernel> createKernel(const KernelDescription& description) = 0;
  virtual int compilingThreads() const { return 1; }
  /// Called on each of those threads but the worker's, before its first kernel.
  virtual void attachCompilingThread() {}
  /// Returns when all that was enqueued is done.
  virtual void synchronize() = 0;
  /// Calls `work`, which runs kernels, so that it can be run again at less cost; what it enqueues is not run.
  /// Returns null, without calling it, if this device has no such thing.
  virtual std::unique_ptr<Replay> record(const std::function<void()>& /*work*/) { return nullptr; }
  /// Measures them, on all threads; nothing if this device has no such measurement.
  virtual std::optional<Peaks> measurePeaks() { return std::nullopt; }
};

struct DeviceOptions {
  int index = 0;
  int threads = 0;
  /// Of a GPU that need not be there, as cuDNN writes its device properties: kernels can be made for it and
  /// asked about, not run. Empty: a device that is there.
  std::string properties = {};
  /// Whether kernels are chosen by measuring, where the backend can; that takes longer, once.
  bool autotune = false;
};

/// What an addon is built around.
struct Backend {
  const char* name;
  /// The names of the ops that it has kernels for.
  std::vector<std::string> (*ops)();
  /// Plain facts for people: versions, instruction set, devices.
  std::map<std::string, Attributes::Value> (*info)();
  std::unique_ptr<Device> (*createDevice)(const DeviceOptions& options);
};

const Backend& backend();

}  // namespace mlpconv
