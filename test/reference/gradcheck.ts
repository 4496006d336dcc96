/** Gradients by central differences in float64, to check the reference's own. */
import { randomWords, spreadData } from './data.js'
import type { RefTensor } from './tensor.js'

/** A function of tensors and its gradient: the inputs' gradients, undefined where there is none. */
export interface Differentiable {
  readonly forward: (inputs: readonly RefTensor[]) => RefTensor
  readonly backward: (inputs: readonly RefTensor[], dy: RefTensor) => readonly (RefTensor | undefined)[]
}

/** Elements of an input that are moved one by one; larger inputs are sampled. */
const probes = 32

/**
 * Compares `backward` with (f(x + h) - f(x - h)) / 2h of f(x) = sum of forward(x) * dy, for random dy. Elements with a
 * kink between x - h and x + h, where the function rises differently on either side, have no gradient to compare with.
 */
export function gradcheck({ forward, backward }: Differentiable, inputs: readonly RefTensor[], seed: number): void {
  const h = 1e-5
  const dy = spreadData(forward(inputs).shape, seed, 1000)
  const gradients = backward(inputs, dy)
  inputs.forEach((input, position) => {
    const gradient = gradients[position]
    if (!gradient) return
    const objective = (element: number, difference: number): number => {
      const moved = { shape: input.shape, data: input.data.slice() }
      moved.data[element]! += difference
      return forward(inputs.with(position, moved)).data.reduce((sum, value, e) => sum + value * dy.data[e]!, 0)
    }
    for (const element of probed(input.data.length, seed)) {
      const [left, here, right] = [objective(element, -h), objective(element, 0), objective(element, h)]
      if (Math.abs(right - 2 * here + left) > 1e-4 * h) continue
      const expected = (right - left) / (2 * h)
      const actual = gradient.data[element]!
      if (!(Math.abs(actual - expected) <= 1e-6 * Math.max(1, Math.abs(expected)))) {
        throw new Error(`gradient of input ${position}, element ${element}: expected ${expected}, received ${actual}`)
      }
    }
  })
}

function probed(count: number, seed: number): number[] {
  if (count <= probes) return Array.from({ length: count }, (_, e) => e)
  return Array.from(randomWords(probes, seed, 2000), (word) => word % count)
}
