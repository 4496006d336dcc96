#include "memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <sstream>

namespace mlpconv::emulator {
namespace {

constexpr size_t alignment = 256;

size_t roundUp(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

/// Addresses that nobody may touch.
std::byte* reserve(void* where, size_t bytes, int flags) {
  void* const mapping =
      mmap(where, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);
  if (mapping == MAP_FAILED) throw std::bad_alloc();
  return static_cast<std::byte*>(mapping);
}

}  // namespace

DeviceMemory::DeviceMemory(size_t totalBytes)
    : totalBytes_(totalBytes),
      addresses_(reserve(nullptr, addressBytes, 0)),
      states_(reserve(nullptr, addressBytes, 0)) {}

DeviceMemory::~DeviceMemory() {
  munmap(addresses_, addressBytes);
  munmap(states_, addressBytes);
}

void* DeviceMemory::allocate(size_t bytes) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t room = roundUp(std::max<size_t>(bytes, 1), alignment);
  const size_t mappedBytes = roundUp(room, page);
  if (bytes > freeBytes() || mappedBytes + 2 * page > addressBytes - next_) return nullptr;
  std::byte* const mapping = addresses_ + next_ + page;
  for (void* const pages : {static_cast<void*>(mapping), static_cast<void*>(stateOf(mapping))}) {
    if (mprotect(pages, mappedBytes, PROT_READ | PROT_WRITE) != 0) return nullptr;
  }
  next_ += page + mappedBytes;
  std::byte* const data = mapping + mappedBytes - room;
  std::fill_n(stateOf(mapping), mappedBytes, State::outside);
  pieces_[data] = {bytes, mapping, mappedBytes, false};
  usedBytes_ += bytes;
  forget(data, bytes);
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
  return first < addresses_ + addressBytes && addresses_ < first + bytes;
}

bool DeviceMemory::retire(void* data) {
  const auto piece = pieces_.find(static_cast<const std::byte*>(data));
  if (piece == pieces_.end() || piece->second.retired) return false;
  piece->second.retired = true;
  return true;
}

void DeviceMemory::release(void* data) {
  const auto found = pieces_.find(static_cast<const std::byte*>(data));
  const Piece& piece = found->second;
  reserve(stateOf(piece.mapping), piece.mappedBytes, MAP_FIXED);
  reserve(piece.mapping, piece.mappedBytes, MAP_FIXED);
  usedBytes_ -= piece.bytes;
  pieces_.erase(found);
}

void DeviceMemory::initialize(const void* data, size_t bytes) {
  std::fill_n(stateOf(data), bytes, State::initialized);
}

void DeviceMemory::forget(void* data, size_t bytes) {
  std::memset(data, poison, bytes);
  std::fill_n(stateOf(data), bytes, State::uninitialized);
}

void DeviceMemory::copy(void* target, const void* source, size_t bytes) {
  std::memmove(target, source, bytes);
  std::memmove(stateOf(target), stateOf(source), bytes);
}

std::string DeviceMemory::findUninitialized(const void* data, size_t bytes) const {
  const State* const begin = stateOf(data);
  const State* const end = begin + bytes;
  // All are the same as their neighbour: quicker to know than which is not.
  if (bytes > 0 && *begin == State::initialized && std::memcmp(begin, begin + 1, bytes - 1) == 0) return {};
  const State* const found =
      std::find_if(begin, end, [](State state) { return state != State::initialized; });
  return found == end ? std::string()
                      : "reads " + describe(static_cast<const std::byte*>(data) + (found - begin));
}

std::string DeviceMemory::checkRead(const void* data, size_t bytes) const {
  return isDevice(data) ? findUninitialized(data, bytes) : std::string();
}

std::string DeviceMemory::checkWrite(const void* data, size_t bytes) {
  if (!isDevice(data)) return {};
  State* const begin = stateOf(data);
  State* const found = std::find(begin, begin + bytes, State::outside);
  std::fill(begin, found, State::initialized);
  if (found == begin + bytes) return {};
  return "writes " + describe(static_cast<const std::byte*>(data) + (found - begin));
}

std::string DeviceMemory::describe(const std::byte* byte) const {
  auto piece = pieces_.upper_bound(byte);
  if (piece == pieces_.end() || byte < piece->second.mapping) --piece;
  std::ostringstream text;
  text << "byte " << byte - piece->first << " of the " << piece->second.bytes << " at "
       << static_cast<const void*>(piece->first)
       << (*stateOf(byte) == State::outside ? ", outside of them" : ", which nobody wrote");
  return text.str();
}

}  // namespace mlpconv::emulator
