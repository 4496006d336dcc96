/** The dense layer. */
import { requireInteger, requireOptions } from '../check.js'
import type { Tracer } from '../graph/trace.js'
import { requireRank } from '../ops/check.js'
import { linear } from '../ops/linear.js'
import { Affine } from './affine.js'
import { printOptions } from './print.js'

export interface LinearOptions {
  /** Whether there is a bias per output feature; default true. */
  readonly bias?: boolean
}

abstract class Dense extends Affine {
  readonly outFeatures: number

  constructor(inFeatures: number | undefined, outFeatures: number, options: LinearOptions) {
    const layer = new.target.name
    requireOptions(layer, options, ['bias'])
    super(requireInteger(layer, 'outFeatures', outFeatures, 1), inFeatures, [], options.bias ?? true)
    this.outFeatures = outFeatures
  }

  forward(x: Tracer): Tracer {
    requireRank(this.constructor.name, 'x', x, 2, '[N, inFeatures]')
    this.seeInput(x)
    return linear(x, x.lift(this.weight), this.bias && x.lift(this.bias))
  }

  protected override printArguments(): string {
    const options = printOptions({ bias: String(this.bias !== undefined) }, { bias: 'true' })
    return [...this.printInputs(), this.outFeatures, ...options].join(', ')
  }
}

/**
 * y = x * weight^T + bias with a weight [outFeatures, inFeatures] and a bias [outFeatures]: [N, inFeatures] -> [N,
 * outFeatures].
 *
 * @throws OptionError; a trace throws ShapeError if the input does not fit
 */
export class Linear extends Dense {
  constructor(inFeatures: number, outFeatures: number, options: LinearOptions = {}) {
    super(requireInteger('Linear', 'inFeatures', inFeatures, 1), outFeatures, options)
  }
}

/**
 * A `Linear` that takes its number of input features from the first input.
 *
 * @throws OptionError; a trace throws ShapeError if the input does not fit
 */
export class LazyLinear extends Dense {
  constructor(outFeatures: number, options: LinearOptions = {}) {
    super(undefined, outFeatures, options)
  }

  override toString(): string {
    return this.weight.isLazy ? super.toString() : `Linear(${this.printArguments()})`
  }
}
