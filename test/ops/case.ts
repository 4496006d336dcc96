/** What one op's case file says; ops.test.ts and the reference's own test run it. */
import fc from 'fast-check'
import type { Operand } from '../../lib/ops/op.js'
import type { Differentiable } from '../reference/gradcheck.js'
import type { RefTensor } from '../reference/tensor.js'

/** Activations have the precision under test, parameters are float32, labels int32. */
export type Role = 'activation' | 'parameter' | 'labels'

export interface InputSpec {
  readonly role: Role
  readonly shape: readonly number[]
  /** Labels are below it. */
  readonly classes?: number
}

/** One op with its shapes and options fixed. The reference has the gradients of all inputs but labels. */
export interface Problem extends Differentiable {
  readonly inputs: readonly InputSpec[]
  /** The library's function, eager or traced. */
  readonly call: <R>(inputs: readonly Operand<R>[]) => R
  /** Numbers at whose zero a gradient jumps. */
  readonly kinks?: (inputs: readonly RefTensor[]) => RefTensor
  /** Whether nothing is rounded when all data is integers; default true. */
  readonly exact?: boolean
}

/** One op: how to draw problems. */
export interface OpCase {
  readonly name: string
  readonly problems: fc.Arbitrary<Problem>
}

/** An op's case, whose problems are made from drawn options; these are what a failure shows. */
export function opCase<Options>(
  name: string,
  options: fc.Arbitrary<Options>,
  problem: (options: Options) => Problem,
): OpCase {
  const shown = (drawn: Options): Problem & fc.WithToStringMethod => ({
    ...problem(drawn),
    [fc.toStringMethod]: () => fc.stringify(drawn),
  })
  return { name, problems: options.map(shown) }
}
