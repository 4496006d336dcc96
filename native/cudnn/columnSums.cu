#include "../core/bfloat16.h"
#include "elementwise.h"

namespace mlpconv {

/// Part (row, column) is the sum of the `height` rows of x that follow row * height. In double: what cancels
/// out would else leave little that is right.
template <typename T>
struct ColumnSumsFunctor {
  const T* x;
  /// Null in the last launch, whose only row is y.
  double* parts;
  float* y;
  int64_t rows;
  int64_t columns;
  int64_t height;
  bool accumulate;

  MLPCONV_HOST_DEVICE void operator()(int64_t i) const {
    const int64_t first = i / columns * height;
    const int64_t end = first + height < rows ? first + height : rows;
    double sum = 0;
    for (int64_t row = first; row < end; row++) sum += value(x[row * columns + i % columns]);
    if (parts != nullptr) {
      parts[i] = sum;
    } else {
      y[i] = static_cast<float>(accumulate ? static_cast<double>(y[i]) + sum : sum);
    }
  }

 private:
  MLPCONV_HOST_DEVICE static double value(double x) { return x; }
  MLPCONV_HOST_DEVICE static double value(bfloat16 x) { return static_cast<double>(static_cast<float>(x)); }
};

}  // namespace mlpconv

MLPCONV_KERNEL(columnSumsFloat32, mlpconv::ColumnSumsFunctor<float>)
MLPCONV_KERNEL(columnSumsBfloat16, mlpconv::ColumnSumsFunctor<mlpconv::bfloat16>)
MLPCONV_KERNEL(columnSumsParts, mlpconv::ColumnSumsFunctor<double>)

#if !defined(__CUDACC__) && !defined(MLPCONV_EMULATOR)
#include <algorithm>
#include <cmath>

#include "columnSums.h"

namespace mlpconv {
namespace {

/// In at most three launches, so that many threads have something to do and each adds few numbers, which also
/// rounds less than one long sum.
class ColumnSums final : public Kernel {
 public:
  ColumnSums(const CudaDevice& device, DType dtype, int64_t rows, int64_t columns, bool accumulate)
      : device_(device), dtype_(dtype), rows_(rows), columns_(columns), accumulate_(accumulate) {
    height_ = std::max<int64_t>(32, static_cast<int64_t>(std::ceil(std::cbrt(static_cast<double>(rows)))));
  }

  size_t workspaceBytes() const override {
    const int64_t first = parts(rows_);
    return first == 1 ? 0 : static_cast<size_t>((first + parts(first)) * columns_) * sizeof(double);
  }
  std::string implementation() const override { return "columnSums"; }

  void run(const Arguments& arguments) override {
    const void* x = arguments.inputs[0];
    auto* const y = static_cast<float*>(arguments.outputs[0]);
    auto* part = static_cast<double*>(arguments.workspace);
    if (dtype_ == DType::bfloat16) {
      part = reduce("columnSumsBfloat16", static_cast<const bfloat16*>(x), rows_, part, y);
    } else {
      part = reduce("columnSumsFloat32", static_cast<const float*>(x), rows_, part, y);
    }
    for (int64_t rows = parts(rows_); rows > 1; rows = parts(rows)) {
      part = reduce("columnSumsParts", part - rows * columns_, rows, part, y);
    }
  }

 private:
  int64_t parts(int64_t rows) const { return (rows + height_ - 1) / height_; }

  /// To y if this is the last launch, else to `part`; returns where the next part is.
  template <typename T>
  double* reduce(const char* name, const T* x, int64_t rows, double* part, float* y) const {
    const int64_t count = parts(rows);
    const bool last = count == 1;
    launch(device_, name,
           ColumnSumsFunctor<T>{x, last ? nullptr : part, y, rows, columns_, height_, last && accumulate_},
           count * columns_);
    return last ? part : part + count * columns_;
  }

  const CudaDevice& device_;
  DType dtype_;
  int64_t rows_;
  int64_t columns_;
  int64_t height_;
  bool accumulate_;
};

}  // namespace

std::shared_ptr<Kernel> createColumnSums(CudaDevice& device, DType dtype, int64_t rows, int64_t columns,
                                         bool accumulate) {
  return std::make_shared<ColumnSums>(device, dtype, rows, columns, accumulate);
}

}  // namespace mlpconv
#endif
