/**
 * Convolution (cross-correlation, as in PyTorch):
 * y[n,o,i,j] = b[o] + sum over c, k, l of x[n,c,i sh - ph + k,j sw - pw + l] w[o,c,k,l].
 */
import { relu as applyRelu } from './relu.js'
import { at4, shape4, tensor, zeros, type Pair, type RefTensor, type Shape4 } from './tensor.js'
import { forEachTap, windowedSize } from './window.js'

export interface Conv2dOptions {
  readonly stride: Pair
  readonly padding: Pair
}

/** y[N,O,H',W'] of x[N,C,H,W], weights [O,C,kh,kw] and bias [O]. */
export function conv2d(
  x: RefTensor,
  weights: RefTensor,
  bias: RefTensor | undefined,
  options: Conv2dOptions & { readonly relu?: boolean },
): RefTensor {
  const [N, , H, W] = shape4(x.shape)
  const [O, , kh, kw] = shape4(weights.shape)
  const y = zeros([N, O, ...windowedSize([H, W], { kernelSize: [kh, kw], ...options })])
  if (bias) {
    const plane = y.data.length / (N * O)
    for (let e = 0; e < y.data.length; e++) y.data[e] = bias.data[Math.floor(e / plane) % O]!
  }
  forEachProduct(x.shape, weights.shape, y.shape, options, (xe, we, ye) => {
    y.data[ye]! += x.data[xe]! * weights.data[we]!
  })
  return options.relu ? applyRelu(y) : y
}

/** dx[N,C,H,W] of dy[N,O,H',W']. */
export function conv2dBackwardData(
  dy: RefTensor,
  weights: RefTensor,
  xShape: readonly number[],
  options: Conv2dOptions,
): RefTensor {
  const dx = zeros(xShape)
  forEachProduct(xShape, weights.shape, dy.shape, options, (xe, we, ye) => {
    dx.data[xe]! += dy.data[ye]! * weights.data[we]!
  })
  return dx
}

/** The gradients of the weights [O,C,kh,kw] and of the bias [O]. */
export function conv2dBackwardWeights(
  x: RefTensor,
  dy: RefTensor,
  weightsShape: readonly number[],
  options: Conv2dOptions,
): { readonly dw: RefTensor; readonly dbias: RefTensor } {
  const dw = zeros(weightsShape)
  forEachProduct(x.shape, weightsShape, dy.shape, options, (xe, we, ye) => {
    dw.data[we]! += x.data[xe]! * dy.data[ye]!
  })
  const [, O, H, W] = shape4(dy.shape)
  const dbias = new Float64Array(O)
  for (let e = 0; e < dy.data.length; e++) dbias[Math.floor(e / (H * W)) % O]! += dy.data[e]!
  return { dw, dbias: tensor(dbias, [O]) }
}

/** Visits where x, w and y of every product of the sum lie. */
function forEachProduct(
  xShape: readonly number[],
  weightsShape: readonly number[],
  yShape: readonly number[],
  options: Conv2dOptions,
  visit: (xElement: number, weightsElement: number, yElement: number) => void,
): void {
  const X: Shape4 = shape4(xShape)
  const F: Shape4 = shape4(weightsShape)
  const Y: Shape4 = shape4(yShape)
  const [N, C, H, W] = X
  const [O, , kh, kw] = F
  for (let n = 0; n < N; n++) {
    for (let o = 0; o < O; o++) {
      for (let c = 0; c < C; c++) {
        forEachTap([H, W], { kernelSize: [kh, kw], ...options }, (i, j, k, l, h, w) => {
          visit(at4(X, n, c, h, w), at4(F, o, c, k, l), at4(Y, n, o, i, j))
        })
      }
    }
  }
}
