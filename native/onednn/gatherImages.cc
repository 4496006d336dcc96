#include "../ops/gatherImages.h"

#include <omp.h>

#include <type_traits>

#include "kernels.h"
#include "parallel.h"

namespace mlpconv {
namespace {

template <typename T>
class GatherImagesKernel final : public Kernel {
 public:
  GatherImagesKernel(GatherImages op, int threads)
      : op_(std::move(op)), levels_(op_.levels.begin(), op_.levels.end()), threads_(threads) {}

  /// For each thread an image whose rows are resized, and one row of the output.
  size_t workspaceBytes() const override { return static_cast<size_t>(threads_ * threadBytes()); }

  void run(const Arguments& arguments) override {
    const auto gather = GatherImagesFunctor<T>::of(op_.shape, tables(op_.horizontal), tables(op_.vertical),
                                                   levels_.data(), arguments);
    auto* workspace = static_cast<uint8_t*>(arguments.workspace);
    parallelChunks(threads_, op_.shape.samples, 1, [&, gather](int64_t sample, int64_t) {
      uint8_t* resized = workspace + omp_get_thread_num() * threadBytes();
      gather.label(sample);
      resizeRows(gather, sample, resized);
      // Enlarging takes two taps; their loop unrolled, the one over the row is vectorised.
      switch (op_.vertical.taps) {
        case 1:
          return resizeColumns<1>(gather, sample, resized);
        case 2:
          return resizeColumns<2>(gather, sample, resized);
        default:
          return resizeColumns<0>(gather, sample, resized);
      }
    });
  }

 private:
  int64_t threadBytes() const {
    constexpr int64_t alignment = 64;
    const int64_t bytes = (op_.shape.height + 1) * op_.shape.rowBytes();
    return (bytes + alignment - 1) / alignment * alignment;
  }

  static ResizeTables tables(const ResizeAxis& axis) {
    return {axis.taps, axis.first.data(), axis.weights.data()};
  }

  static void resizeRows(GatherImagesFunctor<T> gather, int64_t sample, uint8_t* resized) {
    const GatherShape& shape = gather.shape;
    const uint8_t* image = gather.images + gather.index(sample) * shape.imageBytes();
    for (int64_t row = 0; row < shape.height; ++row) {
      for (int64_t column = 0; column < shape.outputWidth; ++column) {
        for (int64_t c = 0; c < shape.channels; ++c) *resized++ = gather.across(image, row, column, c);
      }
    }
  }

  template <int fixedTaps>
  static void resizeColumns(GatherImagesFunctor<T> gather, int64_t sample, uint8_t* resized) {
    const GatherShape& shape = gather.shape;
    const int64_t rowBytes = shape.rowBytes();
    const int taps = fixedTaps ? fixedTaps : gather.vertical.taps;
    uint8_t* bytes = resized + shape.height * rowBytes;
    T* x = gather.x + sample * shape.outputHeight * rowBytes;
    for (int64_t row = 0; row < shape.outputHeight; ++row, x += rowBytes) {
      const uint8_t* top = resized + gather.vertical.first[row] * rowBytes;
      const int32_t* weights = gather.vertical.weights + row * taps;
#pragma omp simd
      for (int64_t j = 0; j < rowBytes; ++j) {
        bytes[j] = resizePixel(weights, taps, [=](int t) { return top[t * rowBytes + j]; });
      }
      for (int64_t c = 0; c < shape.channels; ++c) {
        const T* levels = gather.levels + c * 256;
        for (int64_t j = c; j < rowBytes; j += shape.channels) x[j] = levels[bytes[j]];
      }
    }
  }

  GatherImages op_;
  std::vector<T> levels_;
  int threads_;
};

}  // namespace

std::shared_ptr<Kernel> createGatherImages(OneDnnDevice& device, const KernelDescription& description) {
  const GatherImages op(description);
  return withElement(op.dtype, [&](auto element) -> std::shared_ptr<Kernel> {
    return std::make_shared<GatherImagesKernel<decltype(element)>>(op, device.threads());
  });
}

}  // namespace mlpconv
