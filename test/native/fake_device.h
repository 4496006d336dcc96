// A device on the heap with a few trivial kernels. Its memory is exactly as large as asked for, so that
// AddressSanitizer sees any access beyond.
#pragma once

#include <cstring>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "../../native/core/backend.h"

namespace mlpconv::test {

class HeapMemory final : public Memory {
 public:
  explicit HeapMemory(size_t bytes) : data_(std::make_unique<std::byte[]>(bytes)), bytes_(bytes) {}
  void* data() const override { return data_.get(); }
  size_t bytes() const override { return bytes_; }
  std::span<std::byte> span() const { return {data_.get(), bytes_}; }
  template <typename T>
  T at(size_t index) const {
    T value;
    std::memcpy(&value, data_.get() + index * sizeof(T), sizeof(T));
    return value;
  }

 private:
  std::unique_ptr<std::byte[]> data_;
  size_t bytes_;
};

/// What a kernel of the fake device is.
struct FakeKernel {
  std::function<void(const Arguments&)> body = [](const Arguments&) {};
  size_t workspaceBytes = 0;
  size_t opaqueBytes = 0;
  std::vector<Pack> packs = {};
};

class FunctionKernel final : public Kernel {
 public:
  explicit FunctionKernel(FakeKernel kernel) : kernel_(std::move(kernel)) {}
  size_t workspaceBytes() const override { return kernel_.workspaceBytes; }
  size_t opaqueBytes(size_t) const override { return kernel_.opaqueBytes; }
  std::vector<Pack> packs() const override { return kernel_.packs; }
  void run(const Arguments& arguments) override { kernel_.body(arguments); }

 private:
  FakeKernel kernel_;
};

class FakeReplay final : public Replay {
 public:
  explicit FakeReplay(std::function<void()> body) : body_(std::move(body)) {}
  void run() override { body_(); }

 private:
  std::function<void()> body_;
};

class FakeDevice final : public Device {
 public:
  using Create = std::function<FakeKernel(const KernelDescription&)>;
  using Record = std::function<std::unique_ptr<Replay>(const std::function<void()>& work)>;
  using Synchronize = std::function<void()>;
  explicit FakeDevice(
      Create create, Record record = {}, Synchronize synchronize = [] {})
      : create_(std::move(create)), record_(std::move(record)), synchronize_(std::move(synchronize)) {}

  void attach() override {}
  int threads() const override { return 1; }
  size_t freeBytes() const override { return 0; }
  std::shared_ptr<Memory> allocate(size_t bytes, Contents) override {
    return std::make_shared<HeapMemory>(bytes);
  }
  void write(Memory& memory, size_t byteOffset, const void* data, size_t bytes) override {
    std::memcpy(static_cast<std::byte*>(memory.data()) + byteOffset, data, bytes);
  }
  void read(const Memory& memory, size_t byteOffset, void* data, size_t bytes) override {
    std::memcpy(data, static_cast<const std::byte*>(memory.data()) + byteOffset, bytes);
  }
  std::shared_ptr<Kernel> createKernel(const KernelDescription& description) override {
    return std::make_shared<FunctionKernel>(create_(description));
  }
  /// What was discarded, in order.
  std::vector<std::pair<void*, size_t>> discarded;
  void discard(void* data, size_t bytes) override { discarded.emplace_back(data, bytes); }
  /// On how many threads kernels are made.
  int compiling = 1;
  int compilingThreads() const override { return compiling; }
  void synchronize() override { synchronize_(); }
  std::unique_ptr<Replay> record(const std::function<void()>& work) override {
    return record_ ? record_(work) : nullptr;
  }

 private:
  Create create_;
  Record record_;
  Synchronize synchronize_;
};

}  // namespace mlpconv::test
