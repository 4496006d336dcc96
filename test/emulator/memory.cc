#include "memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace mlpconv::emulator {
namespace {

constexpr size_t alignment = 256;
/// As float32 and as bfloat16 a NaN.
constexpr int poison = 0xff;

size_t roundUp(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

}  // namespace

DeviceMemory::~DeviceMemory() {
  for (const auto& [data, piece] : pieces_) munmap(piece.mapping, piece.mappedBytes);
}

void* DeviceMemory::allocate(size_t bytes) {
  if (bytes > freeBytes()) return nullptr;
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t room = roundUp(std::max<size_t>(bytes, 1), alignment);
  const size_t inner = roundUp(room, page);
  const size_t mappedBytes = inner + 2 * page;
  void* const mapping =
      mmap(nullptr, mappedBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) return nullptr;
  auto* const begin = static_cast<std::byte*>(mapping);
  mprotect(begin + page, inner, PROT_READ | PROT_WRITE);
  std::byte* const data = begin + page + inner - room;
  std::memset(data, poison, room);
  pieces_[data] = {bytes, begin, mappedBytes, false};
  usedBytes_ += bytes;
  return data;
}

bool DeviceMemory::contains(const void* data, size_t bytes) const {
  const auto* const first = static_cast<const std::byte*>(data);
  auto piece = pieces_.upper_bound(first);
  if (piece == pieces_.begin()) return false;
  --piece;
  const auto offset = static_cast<size_t>(first - piece->first);
  return !piece->second.retired && offset <= piece->second.bytes && bytes <= piece->second.bytes - offset;
}

bool DeviceMemory::overlaps(const void* data, size_t bytes) const {
  const auto* const first = static_cast<const std::byte*>(data);
  return std::any_of(pieces_.begin(), pieces_.end(), [&](const auto& entry) {
    return first < entry.first + entry.second.bytes && entry.first < first + bytes;
  });
}

bool DeviceMemory::retire(void* data) {
  const auto piece = pieces_.find(static_cast<const std::byte*>(data));
  if (piece == pieces_.end() || piece->second.retired) return false;
  piece->second.retired = true;
  return true;
}

bool DeviceMemory::release(void* data) {
  const auto found = pieces_.find(static_cast<const std::byte*>(data));
  const auto& [begin, piece] = *found;
  const std::byte* const end = begin + roundUp(std::max<size_t>(piece.bytes, 1), alignment);
  const bool intact =
      std::all_of(begin + piece.bytes, end, [](std::byte b) { return b == std::byte{poison}; });
  munmap(piece.mapping, piece.mappedBytes);
  usedBytes_ -= piece.bytes;
  pieces_.erase(found);
  return intact;
}

}  // namespace mlpconv::emulator
