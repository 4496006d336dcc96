#include "../ops/maxPool2d.h"

#include "kernels.h"
#include "parallel.h"
#include "pool2d.h"

namespace mlpconv {

std::shared_ptr<Kernel> createMaxPool2d(OneDnnDevice& device, const KernelDescription& description) {
  const MaxPool2d pool = MaxPool2d::forward(description);
  return createPool(device, pool, dnnl::algorithm::pooling_max, pool.index);
}

namespace {

/// Windows along one axis, from `first` to before `end`.
struct Windows {
  int64_t first, end;
};

/// Of `count` windows those that see a place, which is counted from where the first one begins.
Windows windowsAt(int64_t place, int64_t kernelSize, int64_t stride, int64_t count) {
  return {place < kernelSize ? 0 : (place - kernelSize) / stride + 1, std::min(place / stride + 1, count)};
}

/// dx of rows of images, each pixel as the sum over the windows that see it, in order, so that it is written
/// once: oneDNN's primitive fills dx with zeros and then adds to it window by window. `Index` is a place in a
/// window.
template <typename T, typename Index>
struct MaxPool2dBackwardRange {
  const MaxPool2d& pool;
  const T* dy;
  const Index* index;
  /// The ReLU's, or null.
  const T* y;
  T* dx;

  void operator()(int64_t begin, int64_t end) const {
    const int64_t channels = pool.x[1], width = pool.x[3], windowsDown = pool.y[2], windowsAcross = pool.y[3];
    const auto& [kernelSize, stride, padding] = pool.window;
    for (int64_t row = begin; row < end; ++row) {
      const int64_t image = row / pool.x[2], down = row % pool.x[2] + padding[0];
      const Windows rows = windowsAt(down, kernelSize[0], stride[0], windowsDown);
      for (int64_t column = 0; column < width; ++column) {
        const int64_t across = column + padding[1];
        const Windows columns = windowsAt(across, kernelSize[1], stride[1], windowsAcross);
        for (int64_t channel = 0; channel < channels; channel += block) {
          const int64_t count = std::min(block, channels - channel);
          float sums[block] = {};
          for (int64_t i = rows.first; i < rows.end; ++i) {
            for (int64_t j = columns.first; j < columns.end; ++j) {
              const int64_t place = (down - i * stride[0]) * kernelSize[1] + across - j * stride[1];
              const int64_t at = ((image * windowsDown + i) * windowsAcross + j) * channels + channel;
              add(static_cast<int32_t>(place), at, count, sums);
            }
          }
          store(sums, (row * width + column) * channels + channel, count);
        }
      }
    }
  }

 private:
  /// So many channels' sums stay in the first-level cache.
  static constexpr int64_t block = 64;

  void add(int32_t place, int64_t at, int64_t count, float* __restrict sums) const {
    const T* __restrict gradients = dy + at;
    const Index* __restrict places = index + at;
    for (int64_t k = 0; k < count; ++k) {
      sums[k] += static_cast<int32_t>(places[k]) == place ? static_cast<float>(gradients[k]) : 0.0f;
    }
  }

  void store(const float* __restrict sums, int64_t at, int64_t count) const {
    T* __restrict to = dx + at;
    if (y == nullptr) {
      for (int64_t k = 0; k < count; ++k) to[k] = static_cast<T>(sums[k]);
      return;
    }
    const T* __restrict mask = y + at;
    for (int64_t k = 0; k < count; ++k)
      to[k] = static_cast<T>(static_cast<float>(mask[k]) > 0 ? sums[k] : 0.0f);
  }
};

template <typename T, typename Index>
std::shared_ptr<Kernel> gather(int threads, const MaxPool2d& pool) {
  return makeKernel(
      [=](const Arguments& arguments) {
        const T* const y = pool.reluBackward ? input<const T>(arguments, 2) : nullptr;
        const MaxPool2dBackwardRange<T, Index> range{
            pool, input<const T>(arguments, 0), input<const Index>(arguments, 1), y, output<T>(arguments, 0)};
        parallelChunks(threads, pool.x[0] * pool.x[2], 1, range);
      },
      0, "gather");
}

}  // namespace

std::shared_ptr<Kernel> createMaxPool2dBackward(OneDnnDevice& device, const KernelDescription& description) {
  const MaxPool2d pool = MaxPool2d::backward(description);
  return withElement(pool.dtype, [&](auto element) -> std::shared_ptr<Kernel> {
    using T = decltype(element);
    switch (indexType(device, pool)) {
      case dnnl::memory::data_type::u8:
        return gather<T, uint8_t>(device.threads(), pool);
      case dnnl::memory::data_type::s32:
        return gather<T, int32_t>(device.threads(), pool);
      default:
        return createPoolBackward(device, pool, dnnl::algorithm::pooling_max);
    }
  });
}

}  // namespace mlpconv
