/** The identity as a convolution. */
import { ShapeError } from '../errors.js'
import { elementCount } from '../graph/graph.js'
import { describeShape } from '../ops/check.js'
import type { Initializer } from './initializer.js'

/**
 * The identity: output channel c is input channel c for as many channels as there are of both; all other weights are
 * zero. The one stands in the middle of the kernel, at floor(size / 2), as in torch.nn.init.dirac_.
 *
 * Zagoruyko and Komodakis, "DiracNets: Training very deep neural networks without skip-connections", 2017.
 *
 * @returns an initializer that throws ShapeError if the weight is not [outChannels, inChannels, kernelHeight,
 * kernelWidth]
 */
export function dirac(): Initializer {
  return (shape) => {
    const [outChannels, inChannels, height, width] = shape
    if (
      outChannels === undefined ||
      inChannels === undefined ||
      height === undefined ||
      width === undefined ||
      shape.length > 4
    ) {
      throw new ShapeError(
        'init.dirac: expected the weight of a convolution [outChannels, inChannels, kernelHeight, kernelWidth]; ' +
          `received ${describeShape(shape)}`,
      )
    }
    const values = new Float32Array(elementCount(shape))
    const middle = Math.floor(height / 2) * width + Math.floor(width / 2)
    for (let channel = 0; channel < Math.min(outChannels, inChannels); channel++) {
      values[(channel * inChannels + channel) * height * width + middle] = 1
    }
    return values
  }
}
