/** What convolutions and dense layers share: a weight, a bias, and PyTorch's way to start them. */
import { requireBoolean } from '../check.js'
import type { Tracer } from '../graph/trace.js'
import { fans, kaimingUniform, uniform } from '../init/index.js'
import { Module } from './module.js'
import { Parameter } from './parameter.js'

/**
 * A weight [outputs, inputs, ...kernel] and a bias [outputs].
 *
 * Both start uniform in +-1 / sqrt(fanIn), as in PyTorch, whose default for the weight is kaiming_uniform_(a=sqrt(5)).
 */
export abstract class Affine extends Module {
  readonly weight: Parameter
  readonly bias: Parameter | undefined
  readonly #outputs: number
  readonly #kernel: readonly number[]

  /** @param inputs undefined: as many as the first input has */
  constructor(outputs: number, inputs: number | undefined, kernel: readonly number[], bias: boolean) {
    super()
    this.#outputs = outputs
    this.#kernel = kernel
    const weight = new Parameter([outputs, inputs, ...kernel], kaimingUniform({ a: Math.sqrt(5) }))
    this.weight = weight
    this.bias = requireBoolean(this.constructor.name, 'bias', bias)
      ? new Parameter([outputs], (shape, random) => {
          const bound = 1 / Math.sqrt(fans(weight.shape).fanIn)
          return uniform(-bound, bound)(shape, random)
        })
      : undefined
  }

  /** The number of input channels or features, if it is known. */
  protected printInputs(): number[] {
    return this.weight.isLazy ? [] : [this.weight.shape[1]!]
  }

  /** Tells a lazy weight the input's size. */
  protected seeInput(x: Tracer): void {
    if (this.weight.isLazy) this.weight.resolve([this.#outputs, x.shape[1]!, ...this.#kernel])
  }
}
