#include "system.h"

#ifdef __linux__
#include <sched.h>
#endif
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <sstream>
#include <thread>

namespace mlpconv {
namespace {

namespace fs = std::filesystem;

constexpr size_t unlimited = std::numeric_limits<size_t>::max();

/// A file of one or more words, such as "200000 100000" or "max"; what is not a number, or not there, is
/// unlimited.
std::vector<size_t> readNumbers(const fs::path& path, size_t count) {
  std::ifstream file(path);
  std::vector<size_t> numbers(count, unlimited);
  std::string word;
  for (size_t i = 0; i < count && file >> word; ++i) {
    if (word.find_first_not_of("0123456789") == std::string::npos) std::istringstream(word) >> numbers[i];
  }
  return numbers;
}

/// The rest of the line that begins with `key` in a file such as /proc/meminfo.
std::optional<std::string> readField(const fs::path& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key)) return line.substr(key.size());
  }
  return std::nullopt;
}

std::optional<size_t> readNumber(const fs::path& path, const std::string& key) {
  const std::optional<std::string> field = readField(path, key);
  size_t number = 0;
  return field && std::istringstream(*field) >> number ? std::optional(number) : std::nullopt;
}

/// The folders of this process's cgroup for `controller` and of all that it is in; empty controller:
/// version 2.
std::vector<fs::path> cgroups(const fs::path& root, const std::string& controller) {
  const fs::path mount = root / "sys/fs/cgroup" / controller;
  std::vector<fs::path> folders;
  std::ifstream file(root / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    // hierarchy:controller,controller:/path
    std::istringstream fields(line);
    std::string hierarchy, controllers, path;
    if (!std::getline(fields, hierarchy, ':') || !std::getline(fields, controllers, ':')) continue;
    std::getline(fields, path);
    const bool matches = controller.empty()
                             ? controllers.empty()
                             : ("," + controllers + ",").find("," + controller + ",") != std::string::npos;
    if (!matches) continue;
    fs::path relative = fs::path(path).relative_path();
    for (; !relative.empty(); relative = relative.parent_path()) folders.push_back(mount / relative);
  }
  folders.push_back(mount);
  return folders;
}

/// What a cgroup may still use. Cached files that nothing has read lately give way.
size_t roomInCgroup(const fs::path& limitFile, const fs::path& usageFile, const std::string& inactiveKey) {
  const size_t limit = readNumbers(limitFile, 1)[0];
  const size_t usage = readNumbers(usageFile, 1)[0];
  if (limit == unlimited || usage == unlimited) return unlimited;
  const size_t inactive = readNumber(limitFile.parent_path() / "memory.stat", inactiveKey).value_or(0);
  const size_t used = usage - std::min(usage, inactive);
  return limit - std::min(limit, used);
}

/// CPUs' worth of time that a cgroup may use.
size_t cpusOf(size_t quota, size_t period) {
  const bool limited = quota != unlimited && period != unlimited && period > 0;
  return limited ? std::max<size_t>(1, quota / period) : unlimited;
}

}  // namespace

std::vector<int> usableCpus() {
#ifdef __linux__
  // The kernel refuses a set that is smaller than its own.
  for (int count = 1024; count <= 1 << 20; count *= 2) {
    std::vector<cpu_set_t> sets(static_cast<size_t>(count) / CPU_SETSIZE);
    const size_t bytes = sets.size() * sizeof(cpu_set_t);
    if (sched_getaffinity(0, bytes, sets.data()) != 0) continue;
    std::vector<int> cpus;
    for (int cpu = 0; cpu < count; ++cpu) {
      if (CPU_ISSET_S(cpu, bytes, sets.data())) cpus.push_back(cpu);
    }
    return cpus;
  }
#endif
  std::vector<int> cpus(std::max(1u, std::thread::hardware_concurrency()));
  std::iota(cpus.begin(), cpus.end(), 0);
  return cpus;
}

int physicalCores(const std::vector<int>& cpus, const fs::path& root) {
  std::set<std::string> cores;
  for (const int cpu : cpus) {
    const std::string folder = "cpu" + std::to_string(cpu);
    std::ifstream file(root / "sys/devices/system/cpu" / folder / "topology/thread_siblings_list");
    std::string siblings;
    std::getline(file, siblings);
    cores.insert(siblings.empty() ? folder : siblings);
  }
  size_t count = cores.size();
  for (const fs::path& folder : cgroups(root, "")) {
    const std::vector<size_t> numbers = readNumbers(folder / "cpu.max", 2);
    count = std::min(count, cpusOf(numbers[0], numbers[1]));
  }
  for (const fs::path& folder : cgroups(root, "cpu")) {
    const size_t quota = readNumbers(folder / "cpu.cfs_quota_us", 1)[0];
    count = std::min(count, cpusOf(quota, readNumbers(folder / "cpu.cfs_period_us", 1)[0]));
  }
  return static_cast<int>(std::max<size_t>(1, count));
}

size_t lastCacheBytes(const std::vector<int>& cpus, const fs::path& root) {
  // By the CPUs that share one.
  std::map<std::string, size_t> caches;
  for (const int cpu : cpus) {
    const fs::path folder = root / "sys/devices/system/cpu" / ("cpu" + std::to_string(cpu)) / "cache";
    size_t highest = 0, kibibytes = 0;
    std::string shared;
    for (int index = 0; fs::exists(folder / ("index" + std::to_string(index))); ++index) {
      const fs::path cache = folder / ("index" + std::to_string(index));
      const size_t level = readNumber(cache / "level", "").value_or(0);
      if (level < highest) continue;
      highest = level;
      // "32768K"
      kibibytes = readNumber(cache / "size", "").value_or(0);
      shared = readField(cache / "shared_cpu_list", "").value_or("");
    }
    if (kibibytes > 0) caches[shared] = kibibytes * 1024;
  }
  size_t bytes = 0;
  for (const auto& [shared, size] : caches) bytes += size;
  return bytes;
}

size_t availableMemory(const fs::path& root) {
  const std::optional<size_t> kibibytes = readNumber(root / "proc/meminfo", "MemAvailable:");
  size_t bytes =
      kibibytes ? *kibibytes * 1024
                : static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
  for (const fs::path& folder : cgroups(root, "")) {
    bytes = std::min(bytes, roomInCgroup(folder / "memory.max", folder / "memory.current", "inactive_file "));
  }
  for (const fs::path& folder : cgroups(root, "memory")) {
    bytes = std::min(bytes, roomInCgroup(folder / "memory.limit_in_bytes", folder / "memory.usage_in_bytes",
                                         "total_inactive_file "));
  }
  return bytes;
}

size_t residentMemory(const fs::path& root) {
  return readNumber(root / "proc/self/status", "RssAnon:").value_or(0) * 1024;
}

std::string cpuModel(const fs::path& root) {
  const std::string field = readField(root / "proc/cpuinfo", "model name").value_or("");
  const size_t start = field.find_first_not_of(" \t:");
  return start == std::string::npos ? "" : field.substr(start);
}

}  // namespace mlpconv
