// gatherImages: the next batch of a data set that lies on the device as uint8, resized, normalised and of the
// type T.
#pragma once

#include "../core/arguments.h"
#include "../core/check.h"
#include "resize.h"

namespace mlpconv {

/// What the functor needs of the op, without containers.
struct GatherShape {
  /// Of the data set: its images, and the entries of `order`.
  int64_t images, ordered;
  int64_t samples, channels;
  int64_t height, width;
  int64_t outputHeight, outputWidth;

  /// Bytes of one image, and of one whose rows are resized.
  MLPCONV_HOST_DEVICE int64_t imageBytes() const { return height * width * channels; }
  MLPCONV_HOST_DEVICE int64_t rowBytes() const { return outputWidth * channels; }
};

struct GatherImages {
  DType dtype;
  GatherShape shape;
  ResizeAxis horizontal;
  ResizeAxis vertical;
  /// [C, 256]: the input that stands for each byte, (v / 255 - mean) / std.
  std::vector<float> levels;

  /// images, labels, order, counters -> x, y. Throws OptionError, ShapeError, DTypeError.
  explicit GatherImages(const KernelDescription& d)
      : dtype((checkCounts(d, {4}, 2), d.outputs[0].dtype)),
        shape(readShape(d)),
        horizontal(shape.width, shape.outputWidth),
        vertical(shape.height, shape.outputHeight) {
    const std::vector<double> mean = d.attributes.numbers("mean");
    const std::vector<double> std = d.attributes.numbers("std");
    const auto channels = static_cast<size_t>(shape.channels);
    checkOption(d, mean.size() == channels && std.size() == channels,
                "a mean and a std for each of " + std::to_string(channels) + " channels");
    for (size_t c = 0; c < channels; ++c) {
      checkOption(d, std::isfinite(mean[c]) && std::isfinite(std[c]) && std[c] > 0,
                  "finite means and stds above 0, received " + std::to_string(mean[c]) + " and " +
                      std::to_string(std[c]));
      for (int v = 0; v < 256; ++v) {
        levels.push_back((static_cast<float>(v) / 255 - static_cast<float>(mean[c])) /
                         static_cast<float>(std[c]));
      }
    }
  }

 private:
  static GatherShape readShape(const KernelDescription& d) {
    const std::vector<int64_t>& images = d.inputs[0].shape;
    const std::vector<int64_t>& x = d.outputs[0].shape;
    checkShape(d, images.size() == 4, "images to be [n,C,h,w]");
    checkShape(d, x.size() == 4 && x[1] == images[1], "x to be [N,C,H,W]");
    const int64_t ordered = d.inputs[2].elements();
    checkTensor(d, "images", d.inputs[0], {DType::uint8, images});
    checkTensor(d, "labels", d.inputs[1], {DType::int32, {images[0]}});
    checkTensor(d, "order", d.inputs[2], {DType::int32, {ordered}});
    checkTensor(d, "counters", d.inputs[3], {DType::int64, {4}});
    checkElement(d, "x", d.outputs[0]);
    checkTensor(d, "y", d.outputs[1], {DType::int32, {x[0]}});
    for (const int64_t size : {images[2], images[3], x[2], x[3]}) {
      checkShape(d, size <= INT32_MAX, "images of less than 2^31 rows and columns");
    }
    return {images[0], ordered, x[0], x[1], images[2], images[3], x[2], x[3]};
  }
};

/// One axis's tables in device memory.
struct ResizeTables {
  int taps;
  const int32_t* first;
  const int32_t* weights;
};

/// One element of x by its place, and one of y. A backend that resizes whole images takes the two passes
/// apart.
template <typename T>
struct GatherImagesFunctor {
  GatherShape shape;
  ResizeTables horizontal;
  ResizeTables vertical;
  /// [C, 256]
  const T* levels;
  const uint8_t* images;
  const int32_t* labels;
  const int32_t* order;
  const int64_t* counters;
  T* x;
  int32_t* y;

  /// The tables and levels are the backend's own.
  static GatherImagesFunctor of(const GatherShape& shape, ResizeTables horizontal, ResizeTables vertical,
                                const T* levels, const Arguments& arguments) {
    return {shape,
            horizontal,
            vertical,
            levels,
            input<const uint8_t>(arguments, 0),
            input<const int32_t>(arguments, 1),
            input<const int32_t>(arguments, 2),
            input<const int64_t>(arguments, 3),
            output<T>(arguments, 0),
            output<int32_t>(arguments, 1)};
  }

  /// The index in the data set of a sample of the batch.
  MLPCONV_HOST_DEVICE int64_t index(int64_t sample) const {
    const int64_t last = shape.ordered - 1;
    const int64_t position = counters[2] > last - sample ? last : counters[2] + sample;
    return clamp(order[clamp(position, last)], shape.images - 1);
  }

  /// Row by row: the byte at (row, column) of an image whose rows are resized.
  MLPCONV_HOST_DEVICE uint8_t across(const uint8_t* image, int64_t row, int64_t column,
                                     int64_t channel) const {
    const uint8_t* pixels = image + (row * shape.width + horizontal.first[column]) * shape.channels + channel;
    return resizePixel(horizontal.weights + column * horizontal.taps, horizontal.taps,
                       [&](int t) { return pixels[t * shape.channels]; });
  }

  MLPCONV_HOST_DEVICE void operator()(int64_t sample, int64_t row, int64_t column, int64_t channel) const {
    const uint8_t* image = images + index(sample) * shape.imageBytes();
    const uint8_t byte = resizePixel(vertical.weights + row * vertical.taps, vertical.taps, [&](int t) {
      return across(image, vertical.first[row] + t, column, channel);
    });
    x[((sample * shape.outputHeight + row) * shape.outputWidth + column) * shape.channels + channel] =
        levels[channel * 256 + byte];
  }

  MLPCONV_HOST_DEVICE void label(int64_t sample) const { y[sample] = labels[index(sample)]; }

 private:
  MLPCONV_HOST_DEVICE static int64_t clamp(int64_t value, int64_t last) {
    return value < 0 ? 0 : value > last ? last : value;
  }
};

}  // namespace mlpconv
