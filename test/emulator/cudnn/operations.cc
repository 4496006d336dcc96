#include "operations.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <numeric>
#include <random>

#include "../../../native/core/bfloat16.h"

namespace mlpconv::emulator {
namespace {

using Sizes = std::vector<int64_t>;

/// A tensor's values in one order: rank 4 with channels last, others row by row.
struct Values {
  Sizes dims;
  std::vector<float> at;
};
using Environment = std::map<int64_t, Values>;

size_t bytesOf(cudnnDataType_t type) {
  switch (type) {
    case CUDNN_DATA_FLOAT:
    case CUDNN_DATA_INT32:
      return 4;
    case CUDNN_DATA_BFLOAT16:
      return 2;
    case CUDNN_DATA_INT8:
      return 1;
    default:
      refuse(CUDNN_STATUS_NOT_SUPPORTED, "the emulator knows no such data type");
  }
}

/// Calls body(place in memory, place among the values) for each element.
template <typename Body>
void forEach(const Tensor& tensor, const Body& body) {
  Sizes order(tensor.dims.size());
  std::iota(order.begin(), order.end(), 0);
  if (order.size() == 4) order = {0, 2, 3, 1};
  Sizes index(order.size(), 0);
  const int64_t count = tensor.elements();
  int64_t place = 0;
  for (int64_t i = 0; i < count; i++) {
    body(place, i);
    for (size_t d = order.size(); d-- > 0;) {
      const auto axis = static_cast<size_t>(order[d]);
      place += tensor.strides[axis];
      if (++index[d] < tensor.dims[axis]) break;
      place -= tensor.strides[axis] * tensor.dims[axis];
      index[d] = 0;
    }
  }
}

Values load(const Tensor& tensor, const void* data) {
  Values values{tensor.dims, std::vector<float>(static_cast<size_t>(tensor.elements()))};
  const auto read = [&](const auto* from) {
    forEach(tensor, [&](int64_t place, int64_t i) { values.at[i] = static_cast<float>(from[place]); });
  };
  if (tensor.type == CUDNN_DATA_FLOAT) read(static_cast<const float*>(data));
  if (tensor.type == CUDNN_DATA_BFLOAT16) read(static_cast<const bfloat16*>(data));
  if (tensor.type == CUDNN_DATA_INT8) read(static_cast<const int8_t*>(data));
  if (tensor.type == CUDNN_DATA_INT32) read(static_cast<const int32_t*>(data));
  return values;
}

void store(const Tensor& tensor, const Values& values, void* data) {
  const auto write = [&]<typename T>(T* to) {
    forEach(tensor, [&](int64_t place, int64_t i) { to[place] = static_cast<T>(values.at[i]); });
  };
  if (tensor.type == CUDNN_DATA_FLOAT) write(static_cast<float*>(data));
  if (tensor.type == CUDNN_DATA_BFLOAT16) write(static_cast<bfloat16*>(data));
  if (tensor.type == CUDNN_DATA_INT8) write(static_cast<int8_t*>(data));
  if (tensor.type == CUDNN_DATA_INT32) write(static_cast<int32_t*>(data));
}

/// A sliding window's sizes.
struct Window {
  int64_t n, c, h, w, outputC, outputH, outputW;
  Sizes kernel, stride, before;

  /// Calls body(output pixel, place in the window, input pixel) for each place of a window that is inside.
  template <typename Body>
  void forImage(int64_t image, const Body& body) const {
    for (int64_t y = 0; y < outputH; y++) {
      for (int64_t x = 0; x < outputW; x++) {
        for (int64_t r = 0; r < kernel[0]; r++) {
          for (int64_t s = 0; s < kernel[1]; s++) {
            const int64_t row = y * stride[0] - before[0] + r;
            const int64_t column = x * stride[1] - before[1] + s;
            if (row < 0 || row >= h || column < 0 || column >= w) continue;
            body((image * outputH + y) * outputW + x, r * kernel[1] + s, (image * h + row) * w + column);
          }
        }
      }
    }
  }
};

void check(bool holds, const char* expected) {
  if (!holds) refuse(CUDNN_STATUS_BAD_PARAM, std::string("expected ") + expected);
}

Window convolutionWindow(const Content& convolution, const Sizes& x, const Sizes& w, const Sizes& y) {
  const Sizes before = convolution.all<int64_t>(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS);
  const Sizes after = convolution.all<int64_t>(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS);
  const Sizes stride = convolution.all<int64_t>(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES);
  const Sizes dilation = convolution.all<int64_t>(CUDNN_ATTR_CONVOLUTION_DILATIONS);
  check(x.size() == 4 && w.size() == 4 && y.size() == 4, "tensors of rank 4");
  check(x[1] == w[1] && w[0] == y[1] && x[0] == y[0], "channels and batch to fit");
  for (const size_t i : {0, 1}) {
    check(dilation[i] == 1, "no dilation");
    check((x[2 + i] + before[i] + after[i] - w[2 + i]) / stride[i] + 1 == y[2 + i],
          "the output's size to fit");
  }
  check(convolution.one<cudnnConvolutionMode_t>(CUDNN_ATTR_CONVOLUTION_CONV_MODE) == CUDNN_CROSS_CORRELATION,
        "a cross-correlation");
  return {x[0], x[1], x[2], x[3], w[0], y[2], y[3], {w[2], w[3]}, stride, before};
}

Sizes integers(const Content& content, cudnnBackendAttributeName_t name) {
  Sizes result;
  for (const cudnnFraction_t value : content.all<cudnnFraction_t>(name)) {
    check(value.denominator == 1, "integers");
    result.push_back(value.numerator);
  }
  return result;
}

Window poolingWindow(const Content& resample, const Sizes& x, const Sizes& y) {
  const Sizes kernel = integers(resample, CUDNN_ATTR_RESAMPLE_WINDOW_DIMS);
  const Sizes stride = integers(resample, CUDNN_ATTR_RESAMPLE_STRIDES);
  const Sizes before = integers(resample, CUDNN_ATTR_RESAMPLE_PRE_PADDINGS);
  const Sizes after = integers(resample, CUDNN_ATTR_RESAMPLE_POST_PADDINGS);
  check(x.size() == 4 && y.size() == 4 && x[0] == y[0] && x[1] == y[1], "channels and batch to fit");
  for (const size_t i : {0, 1}) {
    check((x[2 + i] + before[i] + after[i] - kernel[i]) / stride[i] + 1 == y[2 + i],
          "the output's size to fit");
  }
  return {x[0], x[1], x[2], x[3], x[1], y[2], y[3], kernel, stride, before};
}

/// [K,R,S,C] to [R,S,C,K] and back: `forward` tells which.
std::vector<float> transposed(const std::vector<float>& from, int64_t k, bool forward) {
  std::vector<float> to(from.size());
  const int64_t rest = static_cast<int64_t>(from.size()) / k;
  for (int64_t i = 0; i < k; i++) {
    for (int64_t j = 0; j < rest; j++) {
      if (forward) {
        to[j * k + i] = from[i * rest + j];
      } else {
        to[i * rest + j] = from[j * k + i];
      }
    }
  }
  return to;
}

void round(Values& values) {
  for (float& value : values.at) {
    uint32_t word;
    std::memcpy(&word, &value, sizeof word);
    constexpr uint32_t dropped = 13;
    word += (1u << (dropped - 1)) - 1 + (word >> dropped & 1u);
    word &= ~((1u << dropped) - 1);
    if (std::isfinite(value)) std::memcpy(&value, &word, sizeof value);
  }
}

/// Sums are in double, so that they round as little as those of any order.
using Sums = std::vector<double>;

std::vector<float> rounded(const Sums& sums) { return {sums.begin(), sums.end()}; }

Values convolve(const Window& window, const Values& x, const Values& weight) {
  const int64_t c = window.c, k = window.outputC;
  const std::vector<float> w = transposed(weight.at, k, true);
  Sums y(static_cast<size_t>(window.n * window.outputH * window.outputW * k));
#pragma omp parallel for
  for (int64_t image = 0; image < window.n; image++) {
    window.forImage(image, [&](int64_t output, int64_t place, int64_t input) {
      double* const sums = &y[output * k];
      for (int64_t i = 0; i < c; i++) {
        const double value = x.at[input * c + i];
        const float* const row = &w[(place * c + i) * k];
        for (int64_t j = 0; j < k; j++) sums[j] += value * row[j];
      }
    });
  }
  return {{window.n, k, window.outputH, window.outputW}, rounded(y)};
}

Values convolveBackwardData(const Window& window, const Values& dy, const Values& weight) {
  const int64_t c = window.c, k = window.outputC, places = window.kernel[0] * window.kernel[1];
  Sums dx(static_cast<size_t>(window.n * window.h * window.w * c));
#pragma omp parallel for
  for (int64_t image = 0; image < window.n; image++) {
    window.forImage(image, [&](int64_t output, int64_t place, int64_t input) {
      double* const sums = &dx[input * c];
      for (int64_t j = 0; j < k; j++) {
        const double value = dy.at[output * k + j];
        const float* const row = &weight.at[(j * places + place) * c];
        for (int64_t i = 0; i < c; i++) sums[i] += value * row[i];
      }
    });
  }
  return {{window.n, c, window.h, window.w}, rounded(dx)};
}

Values convolveBackwardWeights(const Window& window, const Values& dy, const Values& x) {
  const int64_t c = window.c, k = window.outputC, places = window.kernel[0] * window.kernel[1];
  Sums dw(static_cast<size_t>(places * c * k));
  for (int64_t image = 0; image < window.n; image++) {
    window.forImage(image, [&](int64_t output, int64_t place, int64_t input) {
      const float* const row = &dy.at[output * k];
      for (int64_t i = 0; i < c; i++) {
        const double value = x.at[input * c + i];
        double* const sums = &dw[(place * c + i) * k];
        for (int64_t j = 0; j < k; j++) sums[j] += value * row[j];
      }
    });
  }
  return {{k, c, window.kernel[0], window.kernel[1]}, transposed(rounded(dw), k, false)};
}

Values multiply(const Values& a, const Values& b) {
  const int64_t m = a.dims[1], inner = a.dims[2], n = b.dims[2];
  Sums y(static_cast<size_t>(m * n));
  for (int64_t i = 0; i < m; i++) {
    for (int64_t l = 0; l < inner; l++) {
      const double value = a.at[i * inner + l];
      for (int64_t j = 0; j < n; j++) y[i * n + j] += value * b.at[l * n + j];
    }
  }
  return {{1, m, n}, rounded(y)};
}

/// b's value for each of x: a bias has one per channel, which is last. Of RELU_BWD x is dy, and b is y.
Values pointwise(cudnnPointwiseMode_t mode, const Values& x, const Values* b) {
  Values y = x;
  switch (mode) {
    case CUDNN_POINTWISE_ADD:
      for (size_t i = 0; i < y.at.size(); i++) y.at[i] += b->at[i % b->at.size()];
      return y;
    case CUDNN_POINTWISE_RELU_FWD:
      for (float& value : y.at) value = value <= 0 ? 0 : value;
      return y;
    case CUDNN_POINTWISE_RELU_BWD:
      for (size_t i = 0; i < y.at.size(); i++) y.at[i] = b->at[i] > 0 ? y.at[i] : 0;
      return y;
    case CUDNN_POINTWISE_IDENTITY:
      return y;
    default:
      refuse(CUDNN_STATUS_NOT_SUPPORTED, "the emulator knows no such pointwise operation");
  }
}

struct Pooled {
  Values y, index;
};

Pooled maxPool(const Window& window, const Values& x) {
  const int64_t c = window.c;
  const Sizes dims = {window.n, c, window.outputH, window.outputW};
  const auto count = static_cast<size_t>(window.n * window.outputH * window.outputW * c);
  Pooled pooled{{dims, std::vector<float>(count, -std::numeric_limits<float>::infinity())},
                {dims, std::vector<float>(count)}};
  for (int64_t image = 0; image < window.n; image++) {
    window.forImage(image, [&](int64_t output, int64_t place, int64_t input) {
      for (int64_t i = 0; i < c; i++) {
        const float value = x.at[input * c + i];
        float& best = pooled.y.at[output * c + i];
        if (value <= best || std::isnan(best)) continue;
        best = value;
        pooled.index.at[output * c + i] = static_cast<float>(place);
      }
    });
  }
  return pooled;
}

/// How many places each window's mean is over.
int64_t divisor(const Window& window, bool includesPadding, int64_t output) {
  const int64_t y = output / window.outputW % window.outputH, x = output % window.outputW;
  const auto inside = [&](size_t axis, int64_t at, int64_t size) {
    const int64_t begin = at * window.stride[axis] - window.before[axis];
    return std::min(begin + window.kernel[axis], size) - std::max<int64_t>(begin, 0);
  };
  if (includesPadding) return window.kernel[0] * window.kernel[1];
  return inside(0, y, window.h) * inside(1, x, window.w);
}

Values averagePool(const Window& window, const Values& x, bool includesPadding) {
  const int64_t c = window.c;
  Values y{{window.n, c, window.outputH, window.outputW}, {}};
  y.at.resize(static_cast<size_t>(window.n * window.outputH * window.outputW * c));
  for (int64_t image = 0; image < window.n; image++) {
    window.forImage(image, [&](int64_t output, int64_t, int64_t input) {
      for (int64_t i = 0; i < c; i++) y.at[output * c + i] += x.at[input * c + i];
    });
  }
  for (size_t i = 0; i < y.at.size(); i++) {
    y.at[i] /= static_cast<float>(divisor(window, includesPadding, static_cast<int64_t>(i) / c));
  }
  return y;
}

/// dx of a pooling; `share(output, place, channel)` is what dy is multiplied by.
template <typename Share>
Values poolBackward(const Window& window, const Values& dy, const Share& share) {
  const int64_t c = window.c;
  Values dx{{window.n, c, window.h, window.w}, {}};
  dx.at.resize(static_cast<size_t>(window.n * window.h * window.w * c));
  for (int64_t image = 0; image < window.n; image++) {
    window.forImage(image, [&](int64_t output, int64_t place, int64_t input) {
      for (int64_t i = 0; i < c; i++) dx.at[input * c + i] += dy.at[output * c + i] * share(output, place, i);
    });
  }
  return dx;
}

bool includesPadding(const Content& resample) {
  return resample.one<cudnnResampleMode_t>(CUDNN_ATTR_RESAMPLE_MODE) ==
         CUDNN_RESAMPLE_AVGPOOL_INCLUDE_PADDING;
}

bool isMaxPool(const Content& resample) {
  return resample.one<cudnnResampleMode_t>(CUDNN_ATTR_RESAMPLE_MODE) == CUDNN_RESAMPLE_MAXPOOL;
}

cudnnPointwiseMode_t modeOf(const Content& pointwise) {
  return pointwise.one<cudnnPointwiseMode_t>(CUDNN_ATTR_POINTWISE_MODE);
}

/// The operation's results, in the order of its outputs.
std::vector<Values> compute(const Operation& operation, std::vector<Values> in, Arithmetic arithmetic) {
  const Content& content = *operation.content;
  const auto multiplies = [&] {
    if (!arithmetic.tensorFloat32) return;
    for (Values& values : in) round(values);
  };
  const auto window = [&](cudnnBackendAttributeName_t name, const Sizes& x, const Sizes& w, const Sizes& y) {
    return convolutionWindow(content.descriptor(name), x, w, y);
  };
  const Sizes& y = operation.outputs[0].dims;
  switch (operation.type) {
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR:
      multiplies();
      return {convolve(window(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, in[0].dims, in[1].dims, y),
                       in[0], in[1])};
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR:
      multiplies();
      return {convolveBackwardData(
          window(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, y, in[1].dims, in[0].dims), in[0],
          in[1])};
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR:
      multiplies();
      return {convolveBackwardWeights(
          window(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, in[1].dims, y, in[0].dims), in[0],
          in[1])};
    case CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR:
      multiplies();
      return {multiply(in[0], in[1])};
    case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR: {
      const Content& how = content.descriptor(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR);
      return {pointwise(modeOf(how), in[0], in.size() > 1 ? &in[1] : nullptr)};
    }
    case CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR: {
      const Content& how = content.descriptor(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_DESC);
      const Window pooling = poolingWindow(how, in[0].dims, y);
      if (!isMaxPool(how)) return {averagePool(pooling, in[0], includesPadding(how))};
      Pooled pooled = maxPool(pooling, in[0]);
      return {std::move(pooled.y), std::move(pooled.index)};
    }
    case CUDNN_BACKEND_OPERATION_RESAMPLE_BWD_DESCRIPTOR: {
      const Content& how = content.descriptor(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DESC);
      const Window pooling = poolingWindow(how, y, in[0].dims);
      if (isMaxPool(how)) {
        return {poolBackward(pooling, in[0], [&](int64_t output, int64_t place, int64_t channel) {
          return in[1].at[output * pooling.c + channel] == static_cast<float>(place) ? 1.0f : 0.0f;
        })};
      }
      return {poolBackward(pooling, in[0], [&](int64_t output, int64_t, int64_t) {
        return 1.0f / static_cast<float>(divisor(pooling, includesPadding(how), output));
      })};
    }
    default:
      refuse(CUDNN_STATUS_NOT_SUPPORTED, "the emulator knows no such operation");
  }
}

std::vector<Tensor> tensors(const Content& content, const std::vector<cudnnBackendAttributeName_t>& names) {
  std::vector<Tensor> result;
  for (const auto name : names) {
    if (content.has(name)) result.emplace_back(content.descriptor(name));
  }
  return result;
}

}  // namespace

Tensor::Tensor(const Content& descriptor)
    : uid(descriptor.one<int64_t>(CUDNN_ATTR_TENSOR_UNIQUE_ID)),
      type(descriptor.one<cudnnDataType_t>(CUDNN_ATTR_TENSOR_DATA_TYPE)),
      dims(descriptor.all<int64_t>(CUDNN_ATTR_TENSOR_DIMENSIONS)),
      strides(descriptor.all<int64_t>(CUDNN_ATTR_TENSOR_STRIDES)),
      alignment(descriptor.one<int64_t>(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT)),
      isVirtual(descriptor.has(CUDNN_ATTR_TENSOR_IS_VIRTUAL) &&
                descriptor.one<bool>(CUDNN_ATTR_TENSOR_IS_VIRTUAL)) {
  check(dims.size() == strides.size(), "as many strides as dimensions");
  check(std::all_of(dims.begin(), dims.end(), [](int64_t size) { return size > 0; }), "sizes above 0");
}

int64_t Tensor::elements() const {
  return std::accumulate(dims.begin(), dims.end(), int64_t{1}, std::multiplies<>());
}

size_t Tensor::bytes() const {
  int64_t last = 0;
  for (size_t i = 0; i < dims.size(); i++) last += (dims[i] - 1) * strides[i];
  return static_cast<size_t>(last + 1) * bytesOf(type);
}

bool Tensor::hasGaps() const { return bytes() != static_cast<size_t>(elements()) * bytesOf(type); }

bool isReluBackward(const Content& operation) {
  return operation.type == CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR &&
         modeOf(operation.descriptor(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR)) ==
             CUDNN_POINTWISE_RELU_BWD;
}

Operation readOperation(const std::shared_ptr<const Content>& content) {
  const auto make = [&](const std::vector<cudnnBackendAttributeName_t>& inputs,
                        const std::vector<cudnnBackendAttributeName_t>& outputs) -> Operation {
    return {content->type, tensors(*content, inputs), tensors(*content, outputs), content};
  };
  switch (content->type) {
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR:
      return make({CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W},
                  {CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y});
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR:
      return make({CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W},
                  {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX});
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR: {
      Operation wgrad = make(
          {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X},
          {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW});
      // Only behind another operation may it write another type than it reads.
      if (!wgrad.outputs[0].isVirtual && wgrad.outputs[0].type != wgrad.inputs[0].type) {
        refuse(CUDNN_STATUS_NOT_SUPPORTED, "no engine for a gradient of another type");
      }
      return wgrad;
    }
    case CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR:
      return make({CUDNN_ATTR_OPERATION_MATMUL_ADESC, CUDNN_ATTR_OPERATION_MATMUL_BDESC},
                  {CUDNN_ATTR_OPERATION_MATMUL_CDESC});
    case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR: {
      if (isReluBackward(*content)) {
        Operation backward =
            make({CUDNN_ATTR_OPERATION_POINTWISE_DYDESC, CUDNN_ATTR_OPERATION_POINTWISE_XDESC},
                 {CUDNN_ATTR_OPERATION_POINTWISE_DXDESC});
        check(backward.inputs.size() == 2 && backward.outputs.size() == 1, "dy, y and dx");
        const Sizes& dims = backward.outputs[0].dims;
        for (const Tensor& input : backward.inputs) check(input.dims == dims, "dy and y of dx's shape");
        return backward;
      }
      return make({CUDNN_ATTR_OPERATION_POINTWISE_XDESC, CUDNN_ATTR_OPERATION_POINTWISE_BDESC},
                  {CUDNN_ATTR_OPERATION_POINTWISE_YDESC});
    }
    case CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR: {
      const Content& how = content->descriptor(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_DESC);
      const bool padsWithNothing =
          how.one<cudnnPaddingMode_t>(CUDNN_ATTR_RESAMPLE_PADDING_MODE) == CUDNN_NEG_INF_PAD;
      if (isMaxPool(how) != padsWithNothing) refuse(CUDNN_STATUS_NOT_SUPPORTED, "no engine for this padding");
      return make({CUDNN_ATTR_OPERATION_RESAMPLE_FWD_XDESC},
                  {CUDNN_ATTR_OPERATION_RESAMPLE_FWD_YDESC, CUDNN_ATTR_OPERATION_RESAMPLE_FWD_IDXDESC});
    }
    case CUDNN_BACKEND_OPERATION_RESAMPLE_BWD_DESCRIPTOR: {
      const Content& how = content->descriptor(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DESC);
      if (isMaxPool(how) && !content->has(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_IDXDESC)) {
        refuse(CUDNN_STATUS_NOT_SUPPORTED, "no engine for a maximum's gradient without the index");
      }
      return make({CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DYDESC, CUDNN_ATTR_OPERATION_RESAMPLE_BWD_IDXDESC},
                  {CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DXDESC});
    }
    default:
      refuse(CUDNN_STATUS_NOT_SUPPORTED, "the emulator knows no such operation");
  }
}

void execute(const std::vector<Operation>& operations, const std::function<void*(int64_t uid)>& find,
             Arithmetic arithmetic) {
  Environment environment;
  static std::random_device random;
  for (const Operation& operation : operations) {
    std::vector<Values> in;
    for (const Tensor& tensor : operation.inputs) {
      in.push_back(tensor.isVirtual ? environment.at(tensor.uid) : load(tensor, find(tensor.uid)));
    }
    std::vector<Values> out = compute(operation, std::move(in), arithmetic);
    for (size_t i = 0; i < operation.outputs.size(); i++) {
      const Tensor& tensor = operation.outputs[i];
      if (arithmetic.nondeterministic) {
        for (float& value : out[i].at) value *= 1 + static_cast<float>(random() % 1000) * 1e-5f;
      }
      if (tensor.isVirtual) {
        environment[tensor.uid] = std::move(out[i]);
      } else {
        store(tensor, out[i], find(tensor.uid));
      }
    }
  }
}

}  // namespace mlpconv::emulator
