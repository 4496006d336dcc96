// The CPU as a device, and what it takes from the operating system.
#include <omp.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>

#include "../../native/onednn/device.h"
#include "../../native/onednn/system.h"
#include "check.h"

namespace mlpconv::test {
namespace {

namespace fs = std::filesystem;

/// A folder that stands for the root of a file system.
class FakeRoot {
 public:
  FakeRoot() {
    std::string name = (fs::temp_directory_path() / "mlpconv-XXXXXX").string();
    check(mkdtemp(name.data()) != nullptr, "a temporary folder");
    path_ = name;
  }
  FakeRoot(const FakeRoot&) = delete;
  FakeRoot& operator=(const FakeRoot&) = delete;
  ~FakeRoot() { fs::remove_all(path_); }

  FakeRoot& file(const std::string& name, const std::string& content) {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << content;
    return *this;
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

template <typename T>
void checkIs(const T& received, const T& expected, const std::string& what,
             const std::source_location& location = std::source_location::current()) {
  std::ostringstream text;
  text << what << " to be " << expected << ", received " << received;
  check(received == expected, text.str(), location);
}

std::string siblings(int cpu) {
  return "sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list";
}

void testCores() {
  FakeRoot root;
  root.file(siblings(0), "0,2\n")
      .file(siblings(1), "1,3\n")
      .file(siblings(2), "0,2\n")
      .file(siblings(3), "1,3\n");
  checkIs(physicalCores({0, 1, 2, 3}, root.path()), 2, "two cores of two threads each");
  checkIs(physicalCores({0, 2}, root.path()), 1, "the cores of CPUs 0 and 2");
  checkIs(physicalCores({0, 1, 4}, root.path()), 3, "a CPU of unknown siblings");
  root.file("proc/self/cgroup", "0::/outer/inner\n")
      .file("sys/fs/cgroup/outer/inner/cpu.max", "max 100000\n");
  checkIs(physicalCores({0, 1}, root.path()), 2, "cores without a quota");
  root.file("sys/fs/cgroup/outer/cpu.max", "150000 100000\n");
  checkIs(physicalCores({0, 1}, root.path()), 1, "cores within the outer group's quota");
  root.file("sys/fs/cgroup/outer/cpu.max", "1000 100000\n");
  checkIs(physicalCores({0, 1}, root.path()), 1, "cores within a quota of less than one");
}

void testCoresInVersion1() {
  FakeRoot root;
  root.file("proc/self/cgroup", "5:cpu,cpuacct:/job\n4:memory:/job\n");
  root.file("sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "200000\n");
  root.file("sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000\n");
  checkIs(physicalCores({0, 1, 2, 3}, root.path()), 2, "cores within the quota");
  root.file("sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "-1\n");
  checkIs(physicalCores({0, 1, 2, 3}, root.path()), 4, "cores without a quota");
}

void testMemory() {
  FakeRoot root;
  root.file("proc/meminfo", "MemTotal:       8000 kB\nMemAvailable:       4000 kB\n");
  checkIs(availableMemory(root.path()), size_t{4000 * 1024}, "available memory");
  root.file("proc/self/cgroup", "0::/job\n");
  root.file("sys/fs/cgroup/job/memory.max", "max\n").file("sys/fs/cgroup/job/memory.current", "1000\n");
  checkIs(availableMemory(root.path()), size_t{4000 * 1024}, "available memory without a limit");
  root.file("sys/fs/cgroup/job/memory.max", "3000\n");
  checkIs(availableMemory(root.path()), size_t{2000}, "available memory within the limit");
  root.file("sys/fs/cgroup/job/memory.stat", "anon 100\ninactive_file 600\nactive_file 7\n");
  checkIs(availableMemory(root.path()), size_t{2600}, "available memory if the page cache gives way");
  root.file("sys/fs/cgroup/job/memory.current", "9000\n");
  checkIs(availableMemory(root.path()), size_t{0}, "available memory beyond the limit");
}

void testMemoryInVersion1() {
  FakeRoot root;
  root.file("proc/meminfo", "MemAvailable:       4000 kB\n");
  root.file("proc/self/cgroup", "5:cpu,cpuacct:/\n4:memory:/docker/job\n");
  root.file("sys/fs/cgroup/memory/memory.limit_in_bytes", "5000\n");
  root.file("sys/fs/cgroup/memory/memory.usage_in_bytes", "1000\n");
  root.file("sys/fs/cgroup/memory/memory.stat", "inactive_file 300\ntotal_inactive_file 500\n");
  checkIs(availableMemory(root.path()), size_t{4500}, "available memory within the limit of the container");
}

void testWithoutProc() {
  FakeRoot root;
  check(availableMemory(root.path()) > 0, "some memory where there is no /proc");
  checkIs(residentMemory(root.path()), size_t{0}, "resident memory where there is no /proc");
  checkIs(cpuModel(root.path()), std::string(), "the CPU's name where there is no /proc");
  checkIs(physicalCores({}, root.path()), 1, "the least number of cores");
  root.file("proc/cpuinfo", "processor\t: 0\nmodel name\t: Some CPU @ 3 GHz\n");
  checkIs(cpuModel(root.path()), std::string("Some CPU @ 3 GHz"), "the CPU's name");
}

void testThreads() {
  const int cores = physicalCores(usableCpus());
  checkIs(OneDnnDevice({}).threads(), cores, "threads by default");
  OneDnnDevice device({.index = 0, .threads = 3});
  device.attach();
  checkIs(device.threads(), 3, "threads");
  checkIs(omp_get_max_threads(), 3, "OpenMP's threads");
  checkThrows<OptionError>([] { OneDnnDevice({.index = 0, .threads = -1}); }, "received -1");
  checkThrows<OptionError>([] { OneDnnDevice({.index = 0, .threads = 1 << 30}); }, "threads: expected");
  checkThrows<DeviceError>([] { OneDnnDevice({.index = 1, .threads = 0}); }, "expected index 0, received 1");
}

void testAllocation() {
  OneDnnDevice device({});
  for (const size_t bytes : {size_t{0}, size_t{1}, size_t{4097}, size_t{5} << 20}) {
    const auto memory = device.allocate(bytes, Contents::zeros);
    checkIs(memory->bytes(), bytes, "bytes");
    checkIs(reinterpret_cast<uintptr_t>(memory->data()) % 4096, uintptr_t{0}, "the address modulo a page");
    const auto* const data = static_cast<const unsigned char*>(memory->data());
    for (size_t i = 0; i < bytes; i += 1021) checkIs<int>(data[i], 0, "new memory");
    if (bytes > 0) checkIs<int>(data[bytes - 1], 0, "the end of new memory");
  }
  const auto memory = device.allocate(100, Contents::zeros);
  const int numbers[] = {1, 2, 3};
  int back[] = {0, 0, 0};
  device.write(*memory, 88, numbers, sizeof numbers);
  device.read(*memory, 88, back, sizeof back);
  check(std::equal(std::begin(numbers), std::end(numbers), back), "what was written to be read");
}

void testOutOfMemory() {
  OneDnnDevice device({});
  const size_t before = device.freeBytes();
  check(before > 0, "some free memory");
  try {
    device.allocate(size_t{1} << 50, Contents::zeros);
    check(false, "an allocation of a pebibyte to fail");
  } catch (const OutOfMemoryError& error) {
    checkIs(error.neededBytes(), size_t{1} << 50, "neededBytes");
    check(error.freeBytes() > 0, "freeBytes above 0");
    check(std::string(error.what()).find("smaller micro-batch") != std::string::npos, "advice");
  }
  // Pages that nothing has touched yet are taken all the same.
  const size_t half = device.freeBytes() / 2;
  const auto held = device.allocate(half, Contents::zeros);
  check(device.freeBytes() < before - half / 2, "untouched memory not to count as free");
  checkThrows<OutOfMemoryError>([&] { device.allocate(half + half / 2, Contents::zeros); },
                                "too little free memory");
}

void testCaches() {
  FakeRoot root;
  const auto cache = [&](int cpu, int index, const std::string& level, const std::string& size,
                         const std::string& shared) {
    const std::string folder =
        "sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/cache/index" + std::to_string(index) + "/";
    root.file(folder + "level", level + "\n")
        .file(folder + "size", size + "\n")
        .file(folder + "shared_cpu_list", shared + "\n");
  };
  for (int cpu = 0; cpu < 4; cpu++) {
    cache(cpu, 0, "1", "32K", std::to_string(cpu));
    cache(cpu, 1, "2", "512K", std::to_string(cpu));
    cache(cpu, 2, "3", "32768K", cpu < 2 ? "0-1" : "2-3");
  }
  checkIs(lastCacheBytes({0, 1}, root.path()), size_t{32} << 20, "the cache that two CPUs share");
  checkIs(lastCacheBytes({0, 2, 3}, root.path()), size_t{64} << 20, "two caches");
  checkIs(lastCacheBytes({7}, root.path()), size_t{0}, "a cache that the system does not speak of");
}

void testPeaks() {
  OneDnnDevice device({.threads = 1});
  device.attach();
  const auto peaks = device.measurePeaks();
  check(peaks && peaks->flops > 0 && peaks->bandwidth > 0, "two rates");
}

void testInfo() {
  const Backend& onednn = backend();
  checkIs(std::string(onednn.name), std::string("onednn"), "the backend's name");
  const auto info = onednn.info();
  check(std::get<std::string>(info.at("oneDNN")).starts_with("3."), "oneDNN's version");
  check(!std::get<std::string>(info.at("instructionSet")).empty(), "an instruction set");
  check(std::get<double>(info.at("threads")) >= 1, "at least one thread");
  check(onednn.createDevice({})->threads() == std::get<double>(info.at("threads")), "threads as in info");
  check(onednn.ops().size() == 24, "24 ops");
  checkThrows<OptionError>(
      [&] {
        onednn.createDevice({})->createKernel({"nonsense", {}, {}, {}});
      },
      "'nonsense'");
}

}  // namespace
}  // namespace mlpconv::test

int main() {
  using namespace mlpconv::test;
  return run({{"physical cores", testCores},
              {"physical cores, cgroup version 1", testCoresInVersion1},
              {"available memory", testMemory},
              {"available memory, cgroup version 1", testMemoryInVersion1},
              {"a system without /proc", testWithoutProc},
              {"threads", testThreads},
              {"allocation", testAllocation},
              {"out of memory", testOutOfMemory},
              {"caches", testCaches},
              {"peaks", testPeaks},
              {"the backend", testInfo}});
}
