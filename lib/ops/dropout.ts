/** Dropout. */
import { applyOp } from './apply.js'
import { OptionError } from '../errors.js'
import { describe, requireActivation } from './check.js'
import type { Operand, OpDefinition } from './op.js'

/** x [N,...], counters int64 [4] or absent -> y; attributes p, seed, use. */
export const dropoutOp: OpDefinition = {
  name: 'dropout',
  inPlace: true,
  infer([x]) {
    requireActivation('dropout', 'x', x!)
    return [x!]
  },
  // The mask is not kept: the same counters give it again.
  differentiate({ attributes, inputs: [, counters] }, [dy]) {
    return [dy!.apply(dropoutOp, attributes, counters ? [dy!, counters] : [dy!])]
  },
}

export interface DropoutOptions<R> {
  /** The probability to drop an element, in [0, 1). Default 0.5. */
  readonly p?: number
  /** An integer in [0, 2^53). Default 0. */
  readonly seed?: number
  /** Tells two dropouts with the same seed apart. Default 0. */
  readonly use?: number
  /** int64 [4], whose second element is the global index of the first sample. Default: 0 is first. */
  readonly counters?: Operand<R> | undefined
}

/**
 * Sets elements to zero with probability p and multiplies the others by 1 / (1 - p).
 *
 * The mask depends on (seed, use), on the global index of the sample and on the element within it, so it is the same on
 * every device and for every batch size (Philox 4x32-10; Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
 *
 * @param x float32 or bfloat16 [N, ...]
 * @throws OptionError, DTypeError
 */
export function dropout<R>(x: Operand<R>, options: DropoutOptions<R> = {}): R {
  const { p = 0.5, seed = 0, use = 0, counters } = options
  if (!(p >= 0 && p < 1)) throw new OptionError(`dropout: p must be in [0, 1); received ${describe(p)}`)
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new OptionError(`dropout: seed must be an integer in [0, 2^53); received ${describe(seed)}`)
  }
  return applyOp(dropoutOp, { p, seed, use }, counters ? [x, counters] : [x])
}
