/** Applying an op to what a user passed. */
import { OptionError } from '../errors.js'
import type { Attributes } from '../native/binding.js'
import { describe } from './check.js'
import type { OpDefinition, Operand } from './op.js'

/**
 * Checks that a function of lib/ops was given tensors or tracers.
 *
 * @throws OptionError, also for the promise of a tensor that was not awaited
 */
export function requireOperands(op: string, inputs: readonly unknown[]): void {
  for (const input of inputs) {
    if (typeof input === 'object' && input !== null && 'apply' in input) continue
    const isPromise = typeof input === 'object' && input !== null && 'then' in input
    throw new OptionError(
      isPromise
        ? `${op}: expected a tensor; received a promise; await it first, or jit a function that calls both`
        : `${op}: expected a tensor; received ${describe(input)}; make one with tensor(data, shape)`,
    )
  }
}

/**
 * Applies an op and returns its first output.
 *
 * @throws OptionError if an input is no tensor; eagerly, the promise rejects with what the op's shape inference throws
 */
export function applyOp<R>(op: OpDefinition, attributes: Attributes, inputs: readonly Operand<R>[]): R {
  requireOperands(op.name, inputs)
  return inputs[0]!.apply(op, attributes, inputs)
}
