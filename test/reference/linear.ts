/** The dense layer y[n,o] = b[o] + sum over i of x[n,i] w[o,i]. */
import { relu as applyRelu } from './relu.js'
import { shape2, zeros, type RefTensor } from './tensor.js'

/** y[N,O] of x[N,I], weights [O,I] and bias [O]. */
export function linear(
  x: RefTensor,
  weights: RefTensor,
  bias: RefTensor | undefined,
  options: { readonly relu?: boolean } = {},
): RefTensor {
  const [N, I] = shape2(x.shape)
  const [O] = shape2(weights.shape)
  const y = zeros([N, O])
  for (let n = 0; n < N; n++) {
    for (let o = 0; o < O; o++) {
      let sum = bias ? bias.data[o]! : 0
      for (let i = 0; i < I; i++) sum += x.data[n * I + i]! * weights.data[o * I + i]!
      y.data[n * O + o] = sum
    }
  }
  return options.relu ? applyRelu(y) : y
}

/** dx[N,I] of dy[N,O]. */
export function linearBackwardData(dy: RefTensor, weights: RefTensor): RefTensor {
  const [N, O] = shape2(dy.shape)
  const [, I] = shape2(weights.shape)
  const dx = zeros([N, I])
  for (let n = 0; n < N; n++) {
    for (let o = 0; o < O; o++) {
      for (let i = 0; i < I; i++) dx.data[n * I + i]! += dy.data[n * O + o]! * weights.data[o * I + i]!
    }
  }
  return dx
}

/** The gradients of the weights [O,I] and of the bias [O]. */
export function linearBackwardWeights(
  x: RefTensor,
  dy: RefTensor,
): { readonly dw: RefTensor; readonly dbias: RefTensor } {
  const [N, I] = shape2(x.shape)
  const [, O] = shape2(dy.shape)
  const dw = zeros([O, I])
  const dbias = zeros([O])
  for (let n = 0; n < N; n++) {
    for (let o = 0; o < O; o++) {
      for (let i = 0; i < I; i++) dw.data[o * I + i]! += x.data[n * I + i]! * dy.data[n * O + o]!
      dbias.data[o]! += dy.data[n * O + o]!
    }
  }
  return { dw, dbias }
}
