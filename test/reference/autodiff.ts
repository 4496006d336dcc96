/** Reverse-mode differentiation of compositions of the reference's functions. */
import { add as addValues } from './add.js'
import * as convolution from './conv2d.js'
import * as flattening from './flatten.js'
import * as dense from './linear.js'
import * as maxPooling from './maxPool2d.js'
import * as rectifier from './relu.js'
import { softmaxCrossEntropy } from './softmaxCrossEntropy.js'
import { map, tensor, type RefTensor } from './tensor.js'
import type { Window } from './window.js'

/** A value, what it was computed from, and the gradients of that, given its own. */
export interface Variable {
  readonly value: RefTensor
  readonly inputs: readonly Variable[]
  readonly backward: (dy: RefTensor) => readonly RefTensor[]
}

/** A value that nothing was computed for. */
export const variable = (value: RefTensor): Variable => ({ value, inputs: [], backward: () => [] })

/** The gradients of the sum of each output times its cotangent, for all that the outputs depend on. */
export function gradientsOf(outputs: readonly (readonly [Variable, RefTensor])[]): Map<Variable, RefTensor> {
  const gradients = new Map<Variable, RefTensor>()
  const accumulate = (to: Variable, gradient: RefTensor): void => {
    const sum = gradients.get(to)
    gradients.set(to, sum ? addValues(sum, gradient) : gradient)
  }
  for (const [output, cotangent] of outputs) accumulate(output, cotangent)
  for (const each of inOrder(outputs.map(([output]) => output)).reverse()) {
    const gradient = gradients.get(each)
    if (gradient) each.backward(gradient).forEach((part, i) => accumulate(each.inputs[i]!, part))
  }
  return gradients
}

/** All that the outputs depend on, each after its inputs. */
function inOrder(outputs: readonly Variable[]): Variable[] {
  const visited = new Set<Variable>()
  const visit = (each: Variable): Variable[] => {
    if (visited.has(each)) return []
    visited.add(each)
    return [...each.inputs.flatMap(visit), each]
  }
  return outputs.flatMap(visit)
}

export function conv2d(x: Variable, w: Variable, b: Variable, options: convolution.Conv2dOptions): Variable {
  return {
    value: convolution.conv2d(x.value, w.value, b.value, options),
    inputs: [x, w, b],
    backward: (dy) => {
      const { dw, dbias } = convolution.conv2dBackwardWeights(x.value, dy, w.value.shape, options)
      return [convolution.conv2dBackwardData(dy, w.value, x.value.shape, options), dw, dbias]
    },
  }
}

export function linear(x: Variable, w: Variable, b: Variable): Variable {
  return {
    value: dense.linear(x.value, w.value, b.value),
    inputs: [x, w, b],
    backward: (dy) => {
      const { dw, dbias } = dense.linearBackwardWeights(x.value, dy)
      return [dense.linearBackwardData(dy, w.value), dw, dbias]
    },
  }
}

export function relu(x: Variable): Variable {
  const value = rectifier.relu(x.value)
  return { value, inputs: [x], backward: (dy) => [rectifier.reluBackward(dy, value)] }
}

export function add(a: Variable, b: Variable): Variable {
  return { value: addValues(a.value, b.value), inputs: [a, b], backward: (dy) => [dy, dy] }
}

export function maxPool2d(x: Variable, window: Window): Variable {
  const { y, index } = maxPooling.maxPool2d(x.value, window)
  return { value: y, inputs: [x], backward: (dy) => [maxPooling.maxPool2dBackward(dy, index, x.value.shape)] }
}

export function flatten(x: Variable): Variable {
  const backward = (dy: RefTensor): RefTensor[] => [flattening.unflatten(dy, x.value.shape)]
  return { value: flattening.flatten(x.value), inputs: [x], backward }
}

export function unflatten(y: Variable, shape: readonly number[]): Variable {
  return { value: flattening.unflatten(y.value, shape), inputs: [y], backward: (dx) => [flattening.flatten(dx)] }
}

/** The mean loss, of shape [1]. */
export function crossEntropy(logits: Variable, labels: ArrayLike<number>): Variable {
  const { loss, dlogits } = softmaxCrossEntropy(logits.value, labels, labels.length)
  const backward = (dy: RefTensor): RefTensor[] => [map(dlogits, (value) => value * dy.data[0]!)]
  return { value: tensor([loss], [1]), inputs: [logits], backward }
}
