// What the operating system says about this machine and what this process may use of it. `root` is where
// /proc and /sys are. Where a system has neither, the answers are the C++ and POSIX libraries'.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace mlpconv {

/// The numbers of the logical CPUs that this process may run on.
std::vector<int> usableCpus();

/// How many physical cores `cpus` are on, and no more than a cgroup's CPU quota; at least 1.
int physicalCores(const std::vector<int>& cpus, const std::filesystem::path& root = "/");

/// Bytes of the last-level caches of `cpus` together; 0 if the system does not say.
size_t lastCacheBytes(const std::vector<int>& cpus, const std::filesystem::path& root = "/");

/// Bytes that can be used without swapping and within the limits of the process's cgroups.
size_t availableMemory(const std::filesystem::path& root = "/");

/// Bytes of this process's own (anonymous) memory that are backed by pages.
size_t residentMemory(const std::filesystem::path& root = "/");

/// The CPU's name, or an empty string.
std::string cpuModel(const std::filesystem::path& root = "/");

}  // namespace mlpconv
