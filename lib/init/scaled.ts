/** Random initializers whose spread follows from the layer's size, so that signals keep theirs through many layers. */
import { requireNumber, requireOneOf, requireOptions } from '../check.js'
import { normal, uniform } from './basic.js'
import { fans, type Initializer } from './initializer.js'

export interface XavierOptions {
  /** A factor on the spread; default 1. */
  readonly gain?: number
}

export interface KaimingOptions {
  /** The slope for negative numbers of the rectifier that follows; default 0, a ReLU. */
  readonly a?: number
  /** Whose variance is kept: `fanIn` that of the forward pass (default), `fanOut` that of the backward pass. */
  readonly mode?: 'fanIn' | 'fanOut'
}

/**
 * Uniform in +-gain * sqrt(6 / (fanIn + fanOut)).
 *
 * Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010.
 *
 * @throws OptionError; the initializer throws ShapeError for fewer than two dimensions
 */
export function xavierUniform(options: XavierOptions = {}): Initializer {
  requireOptions('init.xavierUniform', options, ['gain'])
  const gain = requireNumber('init.xavierUniform', 'gain', options.gain ?? 1, 0)
  return (shape, random) => {
    const { fanIn, fanOut } = fans(shape)
    const bound = gain * Math.sqrt(6 / (fanIn + fanOut))
    return uniform(-bound, bound)(shape, random)
  }
}

/**
 * Normal with standard deviation sqrt(2 / ((1 + a^2) * fan)).
 *
 * He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015.
 *
 * @throws OptionError; the initializer throws ShapeError for fewer than two dimensions
 */
export function kaimingNormal(options: KaimingOptions = {}): Initializer {
  const deviation = kaimingDeviation('init.kaimingNormal', options)
  return (shape, random) => normal(0, deviation(shape))(shape, random)
}

/**
 * Uniform in +-sqrt(6 / ((1 + a^2) * fan)), of the same standard deviation as `kaimingNormal`.
 *
 * @throws OptionError; the initializer throws ShapeError for fewer than two dimensions
 */
export function kaimingUniform(options: KaimingOptions = {}): Initializer {
  const deviation = kaimingDeviation('init.kaimingUniform', options)
  return (shape, random) => {
    const bound = Math.sqrt(3) * deviation(shape)
    return uniform(-bound, bound)(shape, random)
  }
}

function kaimingDeviation(where: string, options: KaimingOptions): (shape: readonly number[]) => number {
  requireOptions(where, options, ['a', 'mode'])
  const a = requireNumber(where, 'a', options.a ?? 0)
  const mode = requireOneOf(where, 'mode', options.mode ?? 'fanIn', ['fanIn', 'fanOut'])
  return (shape) => Math.sqrt(2 / ((1 + a * a) * fans(shape)[mode]))
}
