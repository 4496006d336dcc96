// What conv2d and linear have in common: y = weight * x + bias and its gradients, perhaps with a ReLU or a
// ReLU's backward behind it.
#pragma once

#include "relu.h"

namespace mlpconv {

/// What may be rounded in float32 besides sums: nothing (`highest`), what Winograd's algorithm rounds
/// (`standard`, in attributes "default"), or also the factors, to TF32's ten bits.
enum class Precision { highest, standard, tfloat32 };

/// Attribute precision, as all three ops have it.
struct Affine {
  /// The type of x, y and their gradients; weight and bias and their gradients are float32.
  DType dtype;
  std::vector<int64_t> x;
  std::vector<int64_t> weight;
  std::vector<int64_t> y;
  Precision precision;
  bool bias = false;
  bool relu = false;
  /// Whether dx becomes the gradient of the ReLU that x came out of.
  bool reluBackward = false;
  /// Whether the weight's and bias's gradients are added to what is there.
  bool accumulate = false;

  TensorSpec xSpec() const { return {dtype, x}; }
  TensorSpec ySpec() const { return {dtype, y}; }
  TensorSpec weightSpec() const { return {DType::float32, weight}; }
  TensorSpec biasSpec() const { return {DType::float32, {weight[0]}}; }

  /// x, weight, (bias) -> y; attribute relu. Throws OptionError, ShapeError, DTypeError, as all three do.
  static Affine forward(const KernelDescription& d, size_t rank) {
    checkCounts(d, {2, 3}, 1);
    Affine affine(d, rank, d.inputs[0], d.inputs[1], d.outputs[0]);
    affine.bias = d.inputs.size() == 3;
    if (affine.bias) checkTensor(d, "bias", d.inputs[2], affine.biasSpec());
    affine.relu = d.attributes.boolean("relu");
    return affine;
  }

  /// dy, weight, (the ReLU's y) -> dx; attribute relu.
  static Affine backwardData(const KernelDescription& d, size_t rank) {
    const bool reluBackward = readReluBackward(d, 2);
    Affine affine(d, rank, d.outputs[0], d.inputs[1], d.inputs[0]);
    affine.reluBackward = reluBackward;
    return affine;
  }

  /// x, dy -> dweight, (dbias); attribute accumulate.
  static Affine backwardWeights(const KernelDescription& d, size_t rank) {
    checkCounts(d, {2}, d.outputs.size() == 2 ? 2 : 1);
    Affine affine(d, rank, d.inputs[0], d.outputs[0], d.inputs[1]);
    affine.bias = d.outputs.size() == 2;
    if (affine.bias) checkTensor(d, "dbias", d.outputs[1], affine.biasSpec());
    affine.accumulate = d.attributes.boolean("accumulate");
    return affine;
  }

 private:
  Affine(const KernelDescription& d, size_t rank, const TensorSpec& xTensor, const TensorSpec& weightTensor,
         const TensorSpec& yTensor)
      : dtype(xTensor.dtype),
        x(xTensor.shape),
        weight(weightTensor.shape),
        y(yTensor.shape),
        precision(readPrecision(d)) {
    checkElement(d, "x", xTensor);
    checkDType(d, yTensor.dtype == dtype, "x and y of one type");
    checkDType(d, weightTensor.dtype == DType::float32, "weight to be float32");
    checkShape(d, x.size() == rank && weight.size() == rank && y.size() == rank,
               "x, weight and y of rank " + std::to_string(rank));
    checkShape(d, y[0] == x[0], "as many samples in y as in x");
    checkShape(d, weight[0] == y[1] && weight[1] == x[1], "weight to be [y's channels, x's channels, ...]");
  }

  static Precision readPrecision(const KernelDescription& d) {
    const std::string& precision = d.attributes.text("precision");
    checkOption(d, precision == "default" || precision == "highest" || precision == "tfloat32",
                "precision to be 'default', 'highest' or 'tfloat32', received '" + precision + "'");
    if (precision == "highest") return Precision::highest;
    return precision == "tfloat32" ? Precision::tfloat32 : Precision::standard;
  }
};

}  // namespace mlpconv
