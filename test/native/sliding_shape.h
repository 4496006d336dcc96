// The shapes of a convolution or pooling, and loops over what it sees.
#pragma once

#include "kernel_runner.h"

namespace mlpconv::test {

using AttributeMap = std::map<std::string, Attributes::Value>;

inline std::vector<double> pairOf(int64_t height, int64_t width) {
  return {static_cast<double>(height), static_cast<double>(width)};
}

/// A convolution or, with C in place of O, a pooling.
struct Shape {
  int64_t n, c, h, w, o, kh, kw, sh = 1, sw = 1, ph = 0, pw = 0;

  int64_t outH() const { return (h + 2 * ph - kh) / sh + 1; }
  int64_t outW() const { return (w + 2 * pw - kw) / sw + 1; }
  TensorSpec x(DType dtype) const { return {dtype, {n, c, h, w}}; }
  TensorSpec y(DType dtype) const { return {dtype, {n, o, outH(), outW()}}; }
  TensorSpec weight() const { return {DType::float32, {o, c, kh, kw}}; }
  TensorSpec bias() const { return {DType::float32, {o}}; }

  // Places in channels-last memory.
  size_t xAt(int64_t s, int64_t channel, int64_t i, int64_t j) const {
    return static_cast<size_t>(((s * h + i) * w + j) * c + channel);
  }
  size_t yAt(int64_t s, int64_t channel, int64_t i, int64_t j) const {
    return static_cast<size_t>(((s * outH() + i) * outW() + j) * o + channel);
  }
  size_t weightAt(int64_t out, int64_t channel, int64_t k, int64_t l) const {
    return static_cast<size_t>(((out * kh + k) * kw + l) * c + channel);
  }

  AttributeMap window() const { return {{"stride", pairOf(sh, sw)}, {"padding", pairOf(ph, pw)}}; }
  AttributeMap convolution() const {
    return {{"stride", pairOf(sh, sw)}, {"padding", pairOf(ph, pw)}, {"precision", std::string("highest")}};
  }

  std::string name() const {
    const auto text = [](int64_t v) { return std::to_string(v); };
    return "[" + text(n) + "," + text(c) + "," + text(h) + "," + text(w) + "] to " + text(o) + ", kernel " +
           text(kh) + "x" + text(kw) + ", stride " + text(sh) + "x" + text(sw) + ", padding " + text(ph) +
           "x" + text(pw);
  }

  /// Calls visit(s, i, j, k, l, row, column) for each place (row, column) of x that output (i, j) sees
  /// through (k, l).
  template <typename Visit>
  void slide(const Visit& visit) const {
    for (int64_t s = 0; s < n; ++s) {
      for (int64_t i = 0; i < outH(); ++i) {
        for (int64_t j = 0; j < outW(); ++j) {
          for (int64_t k = 0; k < kh; ++k) {
            for (int64_t l = 0; l < kw; ++l) {
              const int64_t row = i * sh + k - ph, column = j * sw + l - pw;
              if (row >= 0 && row < h && column >= 0 && column < w) visit(s, i, j, k, l, row, column);
            }
          }
        }
      }
    }
  }
};

}  // namespace mlpconv::test
