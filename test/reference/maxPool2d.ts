import { at4, shape4, zeros, type RefTensor } from './tensor.js'
import { forEachTap, windowedSize, type Window } from './window.js'

/** The largest of each window, the first of equals in row-major order, and the element of x that it was. */
export function maxPool2d(x: RefTensor, window: Window): { readonly y: RefTensor; readonly index: Int32Array } {
  const X = shape4(x.shape)
  const [N, C, H, W] = X
  const Y = [N, C, ...windowedSize([H, W], window)] as const
  const y = zeros(Y)
  const index = new Int32Array(y.data.length).fill(-1)
  for (let n = 0; n < N; n++) {
    for (let c = 0; c < C; c++) {
      forEachTap([H, W], window, (i, j, _k, _l, h, w) => {
        const from = at4(X, n, c, h, w)
        const to = at4(Y, n, c, i, j)
        if (index[to] === -1 || x.data[from]! > y.data[to]!) {
          y.data[to] = x.data[from]!
          index[to] = from
        }
      })
    }
  }
  return { y, index }
}

/** dx: each dy goes to the element that was the largest. */
export function maxPool2dBackward(dy: RefTensor, index: Int32Array, xShape: readonly number[]): RefTensor {
  const dx = zeros(xShape)
  index.forEach((from, e) => {
    dx.data[from]! += dy.data[e]!
  })
  return dx
}
