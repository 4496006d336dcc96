// The emulated device's memory: pieces of the host's, each between pages that nobody may touch.
#pragma once

#include <cstddef>
#include <map>
#include <string>

namespace mlpconv::emulator {

class DeviceMemory {
 public:
  explicit DeviceMemory(size_t totalBytes) : totalBytes_(totalBytes) {}
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;
  ~DeviceMemory();

  size_t totalBytes() const { return totalBytes_; }
  size_t freeBytes() const { return totalBytes_ - usedBytes_; }

  /// Full of NaNs, aligned to 256 bytes, and nothing behind its end can be touched. Null if there is not
  /// enough.
  void* allocate(size_t bytes);
  /// Whether the whole range lies in one piece that is not being freed.
  bool contains(const void* data, size_t bytes) const;
  /// Whether any of the range is the device's.
  bool overlaps(const void* data, size_t bytes) const;
  /// From now on `contains` knows it no more. Returns false if it is no piece's begin, or was retired before.
  bool retire(void* data);
  /// Gives a retired piece back; from then on an access ends the process. Returns false if something was
  /// written between its end and where the next piece could begin.
  bool release(void* data);

 private:
  struct Piece {
    size_t bytes;
    std::byte* mapping;
    size_t mappedBytes;
    bool retired;
  };

  size_t totalBytes_;
  size_t usedBytes_ = 0;
  std::map<const std::byte*, Piece> pieces_;
};

}  // namespace mlpconv::emulator
