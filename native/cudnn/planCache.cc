#include "planCache.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <system_error>

namespace mlpconv {
namespace {

uint64_t fnv1a(const std::string& text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

/// What a file holds: the sizes of key and plan, so that a file that was cut off is known as such, and both.
std::string contents(const std::string& key, const std::string& plan) {
  return "mlpconv plan " + std::to_string(key.size()) + " " + std::to_string(plan.size()) + "\n" + key + plan;
}

bool writeAll(int descriptor, const std::string& text) {
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t written = ::write(descriptor, text.data() + done, text.size() - done);
    if (written <= 0) return false;
    done += static_cast<size_t>(written);
  }
  return ::fsync(descriptor) == 0;
}

}  // namespace

std::filesystem::path PlanCache::file(const std::string& key) const {
  char name[32];
  std::snprintf(name, sizeof name, "%016llx.plan", static_cast<unsigned long long>(fnv1a(key)));
  return folder_ / name;
}

std::optional<std::string> PlanCache::read(const std::string& key) const {
  if (folder_.empty()) return std::nullopt;
  std::ifstream stream(file(key), std::ios::binary);
  const std::string found((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  const size_t header = found.find('\n') + 1;
  if (header == 0 || found.compare(header, key.size(), key) != 0) return std::nullopt;
  std::string plan = found.substr(header + key.size());
  if (contents(key, plan) != found) return std::nullopt;
  return plan;
}

void PlanCache::write(const std::string& key, const std::string& plan) const {
  if (folder_.empty()) return;
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  std::string temporary = (folder_ / "new-XXXXXX").string();
  const int descriptor = ::mkstemp(temporary.data());
  if (descriptor < 0) return;
  const bool whole = writeAll(descriptor, contents(key, plan));
  const bool closed = ::close(descriptor) == 0;
  if (whole && closed) std::filesystem::rename(temporary, file(key), error);
  if (!whole || !closed || error) std::filesystem::remove(temporary, error);
}

}  // namespace mlpconv
