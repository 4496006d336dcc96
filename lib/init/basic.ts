/** Initializers that do not look at the layer's size. */
import { requireNumber } from '../check.js'
import { OptionError } from '../errors.js'
import { fill, type Initializer } from './initializer.js'

/** Every element `value`. Throws OptionError. */
export function constant(value: number): Initializer {
  requireNumber('init.constant', 'value', value)
  return (shape) => fill(shape, () => value)
}

/** Every element zero. */
export function zeros(): Initializer {
  return constant(0)
}

/** Uniform in [low, high). Throws OptionError. */
export function uniform(low = 0, high = 1): Initializer {
  requireNumber('init.uniform', 'low', low)
  requireNumber('init.uniform', 'high', high)
  if (low > high) {
    throw new OptionError(`init.uniform: low must be at most high; received ${low} and ${high}`)
  }
  return (shape, random) => fill(shape, () => low + (high - low) * random.float())
}

/** Normal. Throws OptionError if `standardDeviation` is negative. */
export function normal(mean = 0, standardDeviation = 1): Initializer {
  requireNumber('init.normal', 'mean', mean)
  requireNumber('init.normal', 'standardDeviation', standardDeviation, 0)
  return (shape, random) => fill(shape, () => mean + standardDeviation * random.normal())
}
