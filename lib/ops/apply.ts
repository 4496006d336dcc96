/** Applying an op to what a user passed. */
import { OptionError } from '../errors.js'
import type { Attributes } from '../native/binding.js'
import { describe } from './check.js'
import type { OpDefinition, Operand } from './op.js'

/**
 * Checks that the first argument of a function of lib/ops is a tensor or a tracer. It then checks the others itself.
 *
 * @throws OptionError, also for the promise of a tensor that was not awaited
 */
export function requireOperand(op: string, input: unknown): void {
  if (typeof input === 'object' && input !== null && 'apply' in input) return
  const isPromise = typeof input === 'object' && input !== null && 'then' in input
  throw new OptionError(
    isPromise
      ? `${op}: expected a tensor; received a promise; await it first, or jit a function that calls both`
      : `${op}: expected a tensor; received ${describe(input)}; make one with tensor(data, shape)`,
  )
}

/**
 * Applies an op and returns its first output.
 *
 * @throws OptionError if the first input is no tensor or tracer, and what the op's shape inference throws; eagerly, the
 * promise rejects with it
 */
export function applyOp<R>(op: OpDefinition, attributes: Attributes, inputs: readonly Operand<R>[]): R {
  const [first] = inputs
  requireOperand(op.name, first)
  return first!.apply(op, attributes, inputs)
}
