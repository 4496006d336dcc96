#include "device.h"

#include <omp.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "kernels.h"
#include "peaks.h"
#include "system.h"

namespace mlpconv {
namespace {

/// Pages from the operating system: zeroed, aligned to a page, and huge pages where that is worth while.
class Pages final : public Memory {
 public:
  /// Throws OutOfMemoryError.
  Pages(size_t bytes, const OneDnnDevice& device, std::shared_ptr<std::atomic<size_t>> allocatedBytes)
      : bytes_(bytes), mapped_(std::max<size_t>(bytes, 1)), allocatedBytes_(std::move(allocatedBytes)) {
    // To ask the system what is free takes longer than a small plan's run.
    constexpr size_t small = size_t{1} << 20;
    void* const data =
        mapped_ <= small || mapped_ <= device.freeBytes()
            ? mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
            : MAP_FAILED;
    if (data == MAP_FAILED) {
      const size_t freeBytes = device.freeBytes();
      throw OutOfMemoryError("the CPU has too little free memory: needed " + std::to_string(bytes) +
                                 " bytes, free are " + std::to_string(freeBytes) +
                                 "; use a smaller micro-batch or close other programs",
                             bytes, freeBytes);
    }
    data_ = data;
#ifdef MADV_HUGEPAGE
    constexpr size_t hugePage = size_t{2} << 20;
    if (mapped_ >= hugePage) madvise(data_, mapped_, MADV_HUGEPAGE);
#endif
    *allocatedBytes_ += mapped_;
  }
  ~Pages() override {
    munmap(data_, mapped_);
    *allocatedBytes_ -= mapped_;
  }

  void* data() const override { return data_; }
  size_t bytes() const override { return bytes_; }

 private:
  size_t bytes_;
  size_t mapped_;
  void* data_;
  std::shared_ptr<std::atomic<size_t>> allocatedBytes_;
};

int chooseThreads(int wanted) {
  const std::vector<int> cpus = usableCpus();
  const int most = std::max(256, static_cast<int>(cpus.size()));
  if (wanted < 0 || wanted > most) {
    throw OptionError("threads: expected an integer from 0 (one per physical core) to " +
                      std::to_string(most) + ", received " + std::to_string(wanted));
  }
  return wanted > 0 ? wanted : physicalCores(cpus);
}

dnnl::engine createEngine(int index) {
  if (index != 0) {
    throw DeviceError("the CPU is one device: expected index 0, received " + std::to_string(index));
  }
  try {
    return dnnl::engine(dnnl::engine::kind::cpu, 0);
  } catch (const dnnl::error& error) {
    throw DeviceError(std::string("oneDNN cannot use this CPU: ") + error.what());
  }
}

std::byte* at(const Memory& memory, size_t byteOffset) {
  return static_cast<std::byte*>(memory.data()) + byteOffset;
}

}  // namespace

OneDnnDevice::OneDnnDevice(const DeviceOptions& options)
    : threads_(chooseThreads(options.threads)),
      engine_(createEngine(options.index)),
      stream_(engine_),
      allocatedBytes_(std::make_shared<std::atomic<size_t>>(0)) {}

void OneDnnDevice::attach() {
  // OpenMP's settings belong to the thread that opens the parallel regions.
  omp_set_dynamic(0);
  omp_set_num_threads(threads_);
}

size_t OneDnnDevice::freeBytes() const {
  // Pages count as used only when they are first written, so the system still counts ours as free until then.
  const size_t allocated = *allocatedBytes_;
  const size_t untouched = allocated - std::min(allocated, residentMemory());
  const size_t available = availableMemory();
  return available - std::min(available, untouched);
}

std::shared_ptr<Memory> OneDnnDevice::allocate(size_t bytes, Contents) {
  return std::make_shared<Pages>(bytes, *this, allocatedBytes_);
}

void OneDnnDevice::write(Memory& memory, size_t byteOffset, const void* data, size_t bytes) {
  std::memcpy(at(memory, byteOffset), data, bytes);
}

void OneDnnDevice::read(const Memory& memory, size_t byteOffset, void* data, size_t bytes) {
  std::memcpy(data, at(memory, byteOffset), bytes);
}

std::shared_ptr<Kernel> OneDnnDevice::createKernel(const KernelDescription& description) {
  return mlpconv::createKernel(*this, description);
}

void OneDnnDevice::synchronize() {}  // a CPU stream's work is done when it returns

std::optional<Peaks> OneDnnDevice::measurePeaks() { return mlpconv::measurePeaks(*this); }

}  // namespace mlpconv
