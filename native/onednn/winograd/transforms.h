// Winograd's transforms as products of constant matrices and vectors of channels.
//
// Of F(m, r), m outputs of a kernel of r taps, each dimension has n = m + r - 1 points: output = A^T [(G
// weights) * (B^T data)], in two dimensions once along columns and once along rows. The matrices are
// Toom-Cook's for the points 0, +-a, +-b, ..., infinity: A. Lavin and S. Gray, "Fast algorithms for
// convolutional neural networks", CVPR 2016; B. Barabasz et al., "Error analysis and improving the accuracy
// of Winograd convolution for deep neural networks", ACM TOMS 46 (2020).
#pragma once

#include <array>
#include <cstddef>
#include <utility>

namespace mlpconv::winograd {

template <int rowCount, int columnCount>
struct Matrix {
  static constexpr int rows = rowCount;
  static constexpr int columns = columnCount;
  double values[rows][columns] = {};
};

/// The points above 0, of `size` in all. Of those that were tried, these have the least error: six points 0,
/// +-5/8, +-3/2, infinity half that of 0, +-1, +-2, infinity.
template <int size>
constexpr auto positivePoints() {
  if constexpr (size == 6) return std::array{0.625, 1.5};
  if constexpr (size == 8) return std::array{0.5, 1.0, 2.0};
  if constexpr (size == 9) return std::array{0.5, 0.875, 1.5, 4.0};
}

/// Whether the last point is infinity: where there are as many as 0 and pairs of a and -a cannot make.
constexpr bool hasInfinity(int size) { return size % 2 == 0; }
constexpr int finitePoints(int size) { return hasInfinity(size) ? size - 1 : size; }

/// Finite point `index`: 0, then a, -a for each of them.
template <int size>
constexpr double point(int index) {
  if (index == 0) return 0;
  const double a = positivePoints<size>()[static_cast<size_t>(index - 1) / 2];
  return index % 2 == 1 ? a : -a;
}

/// B^T: row j has the coefficients, from the constant one up, of the product of (x - p) over all finite
/// points p but point j.
template <int size>
constexpr Matrix<size, size> dataMatrix() {
  Matrix<size, size> matrix;
  for (int j = 0; j < size; ++j) {
    double* const row = matrix.values[j];
    row[0] = 1;
    for (int l = 0; l < finitePoints(size); ++l) {
      if (l == j) continue;
      for (int k = size - 1; k > 0; --k) row[k] = row[k - 1] - point<size>(l) * row[k];
      row[0] *= -point<size>(l);
    }
  }
  return matrix;
}

/// A: row j has the powers of point j. G: divided by the product of (point j - p) over all other finite
/// points p.
template <int size, int columns>
constexpr Matrix<size, columns> evaluationMatrix(bool divided) {
  Matrix<size, columns> matrix;
  for (int j = 0; j < finitePoints(size); ++j) {
    double value = 1;
    for (int l = 0; l < finitePoints(size) && divided; ++l) {
      if (l != j) value /= point<size>(j) - point<size>(l);
    }
    for (int k = 0; k < columns; ++k, value *= point<size>(j)) matrix.values[j][k] = value;
  }
  if (hasInfinity(size)) matrix.values[size - 1][columns - 1] = 1;
  return matrix;
}

/// F(outputs x outputs, kernel x kernel).
template <int outputCount, int kernelSize>
struct Algorithm {
  static constexpr int outputs = outputCount;
  static constexpr int kernel = kernelSize;
  /// Of a tile of data, and of the transformed tile.
  static constexpr int size = outputs + kernel - 1;
  static constexpr int points = size * size;
  static constexpr auto data = dataMatrix<size>();
  static constexpr auto weights = evaluationMatrix<size, kernel>(true);
  static constexpr auto results = evaluationMatrix<size, outputs>(false);
};

}  // namespace mlpconv::winograd

MLPCONV_SIMD_BEGIN

namespace mlpconv::winograd::MLPCONV_SIMD {

using namespace simd::MLPCONV_SIMD;

// In all three matrices the row of -a is that of a, with the signs of the odd columns changed: a pair of rows
// takes the work of one.

/// How many groups of rows a matrix has: that of 0, one for each pair, that of infinity if there is one.
constexpr int groupsOf(int rows) { return rows / 2 + 1; }

/// One group of a matrix's rows times a vector.
template <const auto& matrix, int group>
struct GroupProduct {
  static constexpr bool isPair = group > 0 && 2 * group < matrix.rows;
  static constexpr int first = group == 0 ? 0 : 2 * group - 1;
  static constexpr int inputs = matrix.columns;
  static constexpr int outputs = isPair ? 2 : 1;

  static void apply(const Vector* in, Vector* out) {
    Vector even = zero(), odd = zero();
#pragma GCC unroll 16
    for (int k = 0; k < inputs; ++k) {
      const double coefficient = matrix.values[first][k];
      if (coefficient == 0) continue;
      Vector& sum = k % 2 == 0 ? even : odd;
      sum = multiplyAdd(broadcast(static_cast<float>(coefficient)), in[k], sum);
    }
    out[0] = add(even, odd);
    if constexpr (isPair) out[1] = subtract(even, odd);
  }
};

/// matrix * in.
template <const auto& matrix>
struct Product {
  static constexpr int inputs = matrix.columns;
  static constexpr int outputs = matrix.rows;

  static void apply(const Vector* in, Vector* out) {
    applyGroups(in, out, std::make_integer_sequence<int, groupsOf(outputs)>());
  }

 private:
  template <int... groups>
  static void applyGroups(const Vector* in, Vector* out, std::integer_sequence<int, groups...>) {
    (GroupProduct<matrix, groups>::apply(in, out + GroupProduct<matrix, groups>::first), ...);
  }
};

/// The transposed matrix * in.
template <const auto& matrix>
struct TransposedProduct {
  static constexpr int inputs = matrix.rows;
  static constexpr int outputs = matrix.columns;

  static void apply(const Vector* in, Vector* out) {
#pragma GCC unroll 16
    for (int k = 0; k < outputs; ++k) {
      out[k] = multiply(broadcast(static_cast<float>(matrix.values[0][k])), in[0]);
    }
#pragma GCC unroll 16
    for (int row = 1; row + 1 < inputs; row += 2) {
      const Vector sum = add(in[row], in[row + 1]), difference = subtract(in[row], in[row + 1]);
#pragma GCC unroll 16
      for (int k = 0; k < outputs; ++k) {
        const Vector coefficient = broadcast(static_cast<float>(matrix.values[row][k]));
        out[k] = multiplyAdd(coefficient, k % 2 == 0 ? sum : difference, out[k]);
      }
    }
    if (hasInfinity(inputs)) out[outputs - 1] = add(out[outputs - 1], in[inputs - 1]);
  }
};

/// Applies `Columns` to each column and then `Rows` to each row of what that gives: load(row, column) gives
/// what goes in, store(row, column, value) takes what comes out.
template <typename Columns, typename Rows, typename Load, typename Store>
void transform(const Load& load, const Store& store) {
  Vector half[Columns::outputs][Rows::inputs];
#pragma GCC unroll 1
  for (int column = 0; column < Rows::inputs; ++column) {
    Vector in[Columns::inputs], out[Columns::outputs];
#pragma GCC unroll 16
    for (int row = 0; row < Columns::inputs; ++row) in[row] = load(row, column);
    Columns::apply(in, out);
#pragma GCC unroll 16
    for (int row = 0; row < Columns::outputs; ++row) half[row][column] = out[row];
  }
#pragma GCC unroll 1
  for (int row = 0; row < Columns::outputs; ++row) {
    Vector out[Rows::outputs];
    Rows::apply(half[row], out);
#pragma GCC unroll 16
    for (int column = 0; column < Rows::outputs; ++column) store(row, column, out[column]);
  }
}

}  // namespace mlpconv::winograd::MLPCONV_SIMD

MLPCONV_SIMD_END
