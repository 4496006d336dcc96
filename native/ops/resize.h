// Bilinear resizing of 8-bit images, to the bit as Pillow's Image.resize(size, Image.BILINEAR) does it (its
// src/libImaging/Resample.c): a triangle filter, as wide as the scale when the image gets smaller, with
// weights of 22 fractional bits; rows first, then columns (Pillow 13: not always; see README.md), each
// rounded to 8 bits.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "../core/portable.h"

namespace mlpconv {

/// How one axis is resized: output i is the weighted sum of `taps` inputs from first[i] on.
struct ResizeAxis {
  int taps = 1;
  std::vector<int32_t> first;
  /// [outputs, taps]
  std::vector<int32_t> weights;

  ResizeAxis(int64_t inputs, int64_t outputs) {
    const double scale = static_cast<double>(inputs) / static_cast<double>(outputs);
    const double support = std::max(scale, 1.0);
    std::vector<std::vector<int32_t>> rows;
    for (int64_t i = 0; i < outputs; ++i) {
      const double center = (static_cast<double>(i) + 0.5) * scale;
      const auto begin = std::max(static_cast<int64_t>(center - support + 0.5), int64_t{0});
      const auto end = std::min(static_cast<int64_t>(center + support + 0.5), inputs);
      std::vector<double> row;
      double sum = 0;
      for (int64_t k = begin; k < end; ++k) {
        const double distance = std::fabs((static_cast<double>(k) - center + 0.5) * (1 / support));
        row.push_back(std::max(1 - distance, 0.0));
        sum += row.back();
      }
      std::vector<int32_t>& integers = rows.emplace_back();
      for (const double weight : row) {
        integers.push_back(static_cast<int32_t>(0.5 + weight / sum * (1 << fractionBits)));
      }
      while (integers.size() > 1 && integers.back() == 0) integers.pop_back();
      first.push_back(static_cast<int32_t>(begin));
      taps = std::max(taps, static_cast<int>(integers.size()));
    }
    // All outputs get the same number of taps: where one would reach beyond the end, it begins earlier.
    weights.assign(static_cast<size_t>(outputs * taps), 0);
    for (size_t i = 0; i < rows.size(); ++i) {
      const int32_t begin = std::min(first[i], static_cast<int32_t>(inputs - taps));
      std::copy(rows[i].begin(), rows[i].end(), weights.begin() + i * taps + (first[i] - begin));
      first[i] = begin;
    }
  }

  static constexpr int fractionBits = 22;
};

/// One output: the sum of weights[t] * pixel(t), rounded.
template <typename Pixel>
MLPCONV_HOST_DEVICE inline uint8_t resizePixel(const int32_t* weights, int taps, const Pixel& pixel) {
  int32_t sum = 1 << (ResizeAxis::fractionBits - 1);
  for (int t = 0; t < taps; ++t) sum += weights[t] * pixel(t);
  const int32_t rounded = sum >> ResizeAxis::fractionBits;
  return static_cast<uint8_t>(rounded < 255 ? rounded : 255);
}

}  // namespace mlpconv
