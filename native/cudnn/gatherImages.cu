#include "../ops/gatherImages.h"
#include "elementwise.h"

namespace mlpconv {

/// Element i of the batch.
template <typename T>
struct GatherPixelsFunctor {
  GatherImagesFunctor<T> gather;

  MLPCONV_HOST_DEVICE void operator()(int64_t i) const {
    const GatherShape& shape = gather.shape;
    const int64_t row = i / shape.rowBytes();
    // Divisions of 32 bits are several times as fast; a row and its number are small enough.
    const auto place = static_cast<uint32_t>(i % shape.rowBytes());
    const auto channels = static_cast<uint32_t>(shape.channels);
    gather(row / shape.outputHeight, row % shape.outputHeight, place / channels, place % channels);
  }
};

template <typename T>
struct GatherLabelsFunctor {
  GatherImagesFunctor<T> gather;

  MLPCONV_HOST_DEVICE void operator()(int64_t sample) const { gather.label(sample); }
};

}  // namespace mlpconv

MLPCONV_KERNEL(gatherPixelsFloat32, mlpconv::GatherPixelsFunctor<float>)
MLPCONV_KERNEL(gatherPixelsBfloat16, mlpconv::GatherPixelsFunctor<mlpconv::bfloat16>)
MLPCONV_KERNEL(gatherLabelsFloat32, mlpconv::GatherLabelsFunctor<float>)
MLPCONV_KERNEL(gatherLabelsBfloat16, mlpconv::GatherLabelsFunctor<mlpconv::bfloat16>)

#if !defined(__CUDACC__) && !defined(MLPCONV_EMULATOR)
namespace mlpconv {
namespace {

template <typename T>
class GatherImagesKernel final : public Kernel {
 public:
  GatherImagesKernel(CudaDevice& device, const GatherImages& op) : device_(device), shape_(op.shape) {
    const std::vector<T> levels(op.levels.begin(), op.levels.end());
    horizontal_ = {op.horizontal.taps, reserve(op.horizontal.first), reserve(op.horizontal.weights)};
    vertical_ = {op.vertical.taps, reserve(op.vertical.first), reserve(op.vertical.weights)};
    levels_ = reserve(levels);
    // For a GPU that is not there kernels are only asked about.
    if (!device.isPresent()) return;
    tables_ = device.allocate(bytes_.size(), Contents::undefined);
    device.write(*tables_, 0, bytes_.data(), bytes_.size());
  }

  void run(const Arguments& arguments) override {
    const auto gather = GatherImagesFunctor<T>::of(shape_, tables(horizontal_), tables(vertical_),
                                                   table<T>(levels_), arguments);
    launch(device_, instance<T>("gatherPixelsFloat32", "gatherPixelsBfloat16"),
           GatherPixelsFunctor<T>{gather}, shape_.samples * shape_.outputHeight * shape_.rowBytes());
    launch(device_, instance<T>("gatherLabelsFloat32", "gatherLabelsBfloat16"),
           GatherLabelsFunctor<T>{gather}, shape_.samples);
  }

 private:
  /// Where an axis's tables begin in `tables_`.
  struct Axis {
    int taps;
    size_t first;
    size_t weights;
  };

  template <typename Element>
  size_t reserve(const std::vector<Element>& values) {
    constexpr size_t alignment = 16;
    const size_t begin = bytes_.size();
    const auto* const data = reinterpret_cast<const std::byte*>(values.data());
    bytes_.insert(bytes_.end(), data, data + values.size() * sizeof(Element));
    bytes_.resize((bytes_.size() + alignment - 1) / alignment * alignment);
    return begin;
  }

  template <typename Element>
  const Element* table(size_t begin) const {
    return reinterpret_cast<const Element*>(static_cast<const std::byte*>(tables_->data()) + begin);
  }

  ResizeTables tables(const Axis& axis) const {
    return {axis.taps, table<int32_t>(axis.first), table<int32_t>(axis.weights)};
  }

  const CudaDevice& device_;
  GatherShape shape_;
  Axis horizontal_;
  Axis vertical_;
  size_t levels_;
  std::vector<std::byte> bytes_;
  std::shared_ptr<Memory> tables_;
};

}  // namespace

std::shared_ptr<Kernel> createGatherImages(CudaDevice& device, const KernelDescription& description) {
  const GatherImages op(description);
  return withElement(op.dtype, [&](auto element) -> std::shared_ptr<Kernel> {
    return std::make_shared<GatherImagesKernel<decltype(element)>>(device, op);
  });
}

}  // namespace mlpconv
#endif
