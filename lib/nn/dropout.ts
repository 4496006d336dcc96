/** Dropout. */
import { requireNumber } from '../check.js'
import type { Tracer } from '../graph/trace.js'
import { dropout } from '../ops/dropout.js'
import { Module } from './module.js'

/**
 * In training, sets elements to zero with probability p and multiplies the others by 1 / (1 - p); otherwise does
 * nothing.
 *
 * Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, "Dropout: A simple way to prevent neural networks from
 * overfitting", JMLR 2014.
 *
 * @throws OptionError if p is not in [0, 1)
 */
export class Dropout extends Module {
  readonly p: number

  constructor(p = 0.5) {
    super()
    this.p = requireNumber('Dropout', 'p', p, 0, 1)
  }

  forward(x: Tracer): Tracer {
    const { builder } = x
    if (!builder.training || this.p === 0) return x
    return dropout(x, { p: this.p, seed: builder.seed, use: builder.nextUse(), counters: builder.counters })
  }

  protected override printArguments(): string {
    return String(this.p)
  }
}
