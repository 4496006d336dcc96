/** Sliding windows, shared by convolution and pooling. */
import type { Pair } from './tensor.js'

export interface Window {
  readonly kernelSize: Pair
  readonly stride: Pair
  readonly padding: Pair
}

/** floor((size + 2 padding - kernel) / stride) + 1 for height and width, as PyTorch's Conv2d and MaxPool2d. */
export function windowedSize(size: Pair, { kernelSize, stride, padding }: Window): Pair {
  const along = (axis: 0 | 1): number =>
    Math.floor((size[axis] + 2 * padding[axis] - kernelSize[axis]) / stride[axis]) + 1
  return [along(0), along(1)]
}

/** One element of one window: output (i, j), window element (k, l), input (h, w). */
export type Tap = (i: number, j: number, k: number, l: number, h: number, w: number) => void

/** Visits every window element that lies inside the input, windows and their elements in row-major order. */
export function forEachTap([H, W]: Pair, window: Window, visit: Tap): void {
  const [outH, outW] = windowedSize([H, W], window)
  const { kernelSize, stride, padding } = window
  for (let i = 0; i < outH; i++) {
    for (let j = 0; j < outW; j++) {
      for (let k = 0; k < kernelSize[0]; k++) {
        for (let l = 0; l < kernelSize[1]; l++) {
          const h = i * stride[0] - padding[0] + k
          const w = j * stride[1] - padding[1] + l
          if (h >= 0 && h < H && w >= 0 && w < W) visit(i, j, k, l, h, w)
        }
      }
    }
  }
}
