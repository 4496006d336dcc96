// The emulated device's memory: pieces of the host's, each between pages that nobody may touch, and a shadow
// that knows of each byte whether it was ever written.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>

namespace mlpconv::emulator {

class DeviceMemory {
 public:
  /// What each byte is that was never written: four of them, or two, are a NaN as float32 or bfloat16.
  static constexpr int poison = 0xff;

  explicit DeviceMemory(size_t totalBytes);
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;
  ~DeviceMemory();

  size_t totalBytes() const { return totalBytes_; }
  size_t freeBytes() const { return totalBytes_ - usedBytes_; }

  /// Uninitialised and full of NaNs, aligned to 256 bytes, and nothing behind its end can be touched. Null if
  /// there is not enough.
  void* allocate(size_t bytes);
  /// Whether the whole range lies in one piece that is not being freed.
  bool contains(const void* data, size_t bytes) const;
  /// Whether any of the range is the device's.
  bool overlaps(const void* data, size_t bytes) const;
  /// From now on `contains` knows it no more. Returns false if it is no piece's begin, or was retired before.
  bool retire(void* data);
  /// Gives a retired piece back; from then on an access ends the process. Its addresses are not used again.
  void release(void* data);

  bool isDevice(const void* data) const {
    return static_cast<size_t>(static_cast<const std::byte*>(data) - addresses_) < addressBytes;
  }
  /// Whether all of some bytes of the device's, few, were written.
  template <size_t bytes>
  bool isInitialized(const void* data) const {
    static constexpr auto initialized = [] {
      std::array<State, bytes> states{};
      states.fill(State::initialized);
      return states;
    }();
    return std::memcmp(stateOf(data), initialized.data(), bytes) == 0;
  }

  /// Marks bytes of a piece as written.
  void initialize(const void* data, size_t bytes);
  /// Makes bytes of a piece as they were when it was allocated.
  void forget(void* data, size_t bytes);
  /// Copies bytes, and whether they were ever written, from piece to piece.
  void copy(void* target, const void* source, size_t bytes);
  /// "reads byte 12 of the 4096 at 0x7f0000000000, which nobody wrote" if a piece's range has such a byte,
  /// else nothing.
  std::string findUninitialized(const void* data, size_t bytes) const;

  /// The same of a kernel's access, which may also be near a piece: "writes byte 1000 of the 1000 at
  /// 0x7f0000000000, outside of them". The host's memory is nobody's business; where there is no piece the
  /// process ends.
  std::string checkRead(const void* data, size_t bytes) const;
  std::string checkWrite(const void* data, size_t bytes);

 private:
  struct Piece {
    size_t bytes;
    /// Of all that can be touched: whole pages.
    std::byte* mapping;
    size_t mappedBytes;
    bool retired;
  };
  enum class State : uint8_t { uninitialized, initialized, outside };

  State* stateOf(const void* data) const {
    return reinterpret_cast<State*>(states_ + (static_cast<const std::byte*>(data) - addresses_));
  }
  std::string describe(const std::byte* byte) const;

  /// So many addresses are the device's, and so many bytes of shadow belong to them. Few are ever used.
  static constexpr size_t addressBytes = size_t{1} << 42;

  size_t totalBytes_;
  size_t usedBytes_ = 0;
  std::byte* addresses_;
  std::byte* states_;
  /// Where the next piece's pages begin, behind one that nobody may touch.
  size_t next_ = 0;
  std::map<const std::byte*, Piece> pieces_;
};

}  // namespace mlpconv::emulator
