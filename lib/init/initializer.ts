/** What an initializer is, and the fans of a weight. */
import { ShapeError } from '../errors.js'
import { elementCount } from '../graph/graph.js'
import { describeShape } from '../ops/check.js'
import type { Random } from '../random.js'

/**
 * Makes a parameter's first values.
 *
 * @param shape the parameter's shape: OIHW for the weight of a convolution, [outFeatures, inFeatures] of a dense layer
 * @param random where randomness comes from
 * @returns the values in logical order
 */
export type Initializer = (shape: readonly number[], random: Random) => Float32Array

/** How many inputs an output of the layer has, and how many outputs an input. */
export interface Fans {
  readonly fanIn: number
  readonly fanOut: number
}

/**
 * The fans of a weight, as PyTorch counts them: channels times the kernel's elements.
 *
 * @throws ShapeError if the weight has fewer than two dimensions
 */
export function fans(shape: readonly number[]): Fans {
  const [outputs, inputs, ...kernel] = shape
  if (outputs === undefined || inputs === undefined) {
    throw new ShapeError(
      `init: fans need a weight of at least 2 dimensions [outputs, inputs, ...]; received ${describeShape(shape)}`,
    )
  }
  const field = elementCount(kernel)
  return { fanIn: inputs * field, fanOut: outputs * field }
}

/** An array for a shape, each element of which is the next `draw()`. */
export function fill(shape: readonly number[], draw: () => number): Float32Array {
  const values = new Float32Array(elementCount(shape))
  for (let i = 0; i < values.length; i++) values[i] = draw()
  return values
}
