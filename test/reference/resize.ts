/**
 * Bilinear resize of 8-bit images as Pillow does it (src/libImaging/Resample.c): antialiased when smaller, the
 * horizontal pass first, weights of 22 fractional bits, each pass rounded to 8 bits. (Pillow 13 takes the vertical pass
 * first where the height shrinks and the width does not, or far less; all others do as here.)
 */
import { at4, shape4, zeros, type Pair, type RefTensor } from './tensor.js'

const one = 2 ** 22

/** Images [N,C,h,w] of whole numbers 0 to 255 to [N,C,H,W]. */
export const resizeBilinear = (images: RefTensor, [H, W]: Pair): RefTensor =>
  resizeAxis(resizeAxis(images, 3, W), 2, H)

/** The first input of an output, and the weights of that one and those behind it. */
interface OutputWeights {
  readonly first: number
  readonly weights: readonly number[]
}

function resizeWeights(inputSize: number, outputSize: number): OutputWeights[] {
  const scale = inputSize / outputSize
  const support = Math.max(scale, 1)
  return Array.from({ length: outputSize }, (_, output) => {
    const center = (output + 0.5) * scale
    const first = Math.max(Math.trunc(center - support + 0.5), 0)
    const end = Math.min(Math.trunc(center + support + 0.5), inputSize)
    const triangle = Array.from({ length: end - first }, (_, k) =>
      Math.max(1 - Math.abs((k + first - center + 0.5) * (1 / support)), 0),
    )
    const sum = triangle.reduce((total, weight) => total + weight, 0)
    return { first, weights: triangle.map((weight) => Math.trunc(0.5 + (weight / sum) * one)) }
  })
}

/** Resizes rows (axis 2) or columns (axis 3). */
function resizeAxis(x: RefTensor, axis: 2 | 3, outputSize: number): RefTensor {
  const X = shape4(x.shape)
  const outputs = resizeWeights(X[axis], outputSize)
  const Y = shape4(X.with(axis, outputSize))
  const y = zeros(Y)
  for (let n = 0; n < Y[0]; n++) {
    for (let c = 0; c < Y[1]; c++) {
      for (let i = 0; i < Y[2]; i++) {
        for (let j = 0; j < Y[3]; j++) {
          const { first, weights } = outputs[axis === 2 ? i : j]!
          const sum = weights.reduce((total, weight, k) => {
            const element = axis === 2 ? at4(X, n, c, first + k, j) : at4(X, n, c, i, first + k)
            return total + weight * x.data[element]!
          }, one / 2)
          y.data[at4(Y, n, c, i, j)] = Math.min(Math.floor(sum / one), 255)
        }
      }
    }
  }
  return y
}
