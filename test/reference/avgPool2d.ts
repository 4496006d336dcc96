/** Average pooling; adaptive average pooling, of which the global one is the case of output size [1, 1]. */
import { at4, shape4, zeros, type Pair, type RefTensor } from './tensor.js'
import { forEachTap, windowedSize, type Window } from './window.js'

export interface AvgPool2dOptions extends Window {
  /** Whether padding counts in the divisor. */
  readonly countIncludePad: boolean
}

/** The mean of each window; padding is zero. */
export function avgPool2d(x: RefTensor, options: AvgPool2dOptions): RefTensor {
  const [N, C, H, W] = shape4(x.shape)
  return weightedSum(x, [N, C, ...windowedSize([H, W], options)], windowWeights([H, W], options))
}

/** dx of the mean of each window. */
export function avgPool2dBackward(dy: RefTensor, xShape: readonly number[], options: AvgPool2dOptions): RefTensor {
  const [, , H, W] = shape4(xShape)
  return weightedSpread(dy, xShape, windowWeights([H, W], options))
}

/** The mean of each cell floor(i H / H') <= h < ceil((i + 1) H / H'), as PyTorch's AdaptiveAvgPool2d. */
export function adaptiveAvgPool2d(x: RefTensor, outputSize: Pair): RefTensor {
  const [N, C, H, W] = shape4(x.shape)
  return weightedSum(x, [N, C, ...outputSize], cellWeights([H, W], outputSize))
}

/** dx of the mean of each cell. */
export function adaptiveAvgPool2dBackward(dy: RefTensor, xShape: readonly number[]): RefTensor {
  const [, , H, W] = shape4(xShape)
  const [, , outH, outW] = shape4(dy.shape)
  return weightedSpread(dy, xShape, cellWeights([H, W], [outH, outW]))
}

/** That element (h, w) of the input has a part in output (i, j), and which. */
interface Weight {
  readonly i: number
  readonly j: number
  readonly h: number
  readonly w: number
  readonly weight: number
}

function windowWeights(size: Pair, options: AvgPool2dOptions): Weight[] {
  const taps: Omit<Weight, 'weight'>[] = []
  const counts = new Map<string, number>()
  forEachTap(size, options, (i, j, _k, _l, h, w) => {
    taps.push({ i, j, h, w })
    counts.set(`${i} ${j}`, (counts.get(`${i} ${j}`) ?? 0) + 1)
  })
  const area = options.kernelSize[0] * options.kernelSize[1]
  return taps.map((tap) => ({
    ...tap,
    weight: 1 / (options.countIncludePad ? area : counts.get(`${tap.i} ${tap.j}`)!),
  }))
}

function cellWeights([H, W]: Pair, [outH, outW]: Pair): Weight[] {
  const weights: Weight[] = []
  for (let i = 0; i < outH; i++) {
    for (let j = 0; j < outW; j++) {
      const [top, bottom] = [Math.floor((i * H) / outH), Math.ceil(((i + 1) * H) / outH)]
      const [left, right] = [Math.floor((j * W) / outW), Math.ceil(((j + 1) * W) / outW)]
      for (let h = top; h < bottom; h++) {
        for (let w = left; w < right; w++) weights.push({ i, j, h, w, weight: 1 / ((bottom - top) * (right - left)) })
      }
    }
  }
  return weights
}

/** Sums weight * x over each output. */
function weightedSum(x: RefTensor, yShape: readonly number[], weights: readonly Weight[]): RefTensor {
  const [X, Y] = [shape4(x.shape), shape4(yShape)]
  const y = zeros(Y)
  for (let n = 0; n < X[0]; n++) {
    for (let c = 0; c < X[1]; c++) {
      for (const { i, j, h, w, weight } of weights) y.data[at4(Y, n, c, i, j)]! += weight * x.data[at4(X, n, c, h, w)]!
    }
  }
  return y
}

/** The transpose of `weightedSum`. */
function weightedSpread(dy: RefTensor, xShape: readonly number[], weights: readonly Weight[]): RefTensor {
  const [X, Y] = [shape4(xShape), shape4(dy.shape)]
  const dx = zeros(X)
  for (let n = 0; n < X[0]; n++) {
    for (let c = 0; c < X[1]; c++) {
      for (const { i, j, h, w, weight } of weights) {
        dx.data[at4(X, n, c, h, w)]! += weight * dy.data[at4(Y, n, c, i, j)]!
      }
    }
  }
  return dx
}
