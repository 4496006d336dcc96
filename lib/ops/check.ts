/** Checks shared by the ops. Each throws a typed error that says what was expected and what came. */
import { DTypeError, OptionError, ShapeError } from '../errors.js'
import type { DType, TensorSpec } from '../graph/graph.js'
import { activationTypes } from './op.js'

/** A value per spatial dimension, or one for both. */
export type Size2d = number | readonly [number, number]

/** `[4, 3]` -> `[4, 3]`; for messages. */
export function describeShape(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`
}

/** A value for a message: `NaN`, `"3"`, `[1, 2]`. */
export function describe(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : Array.isArray(value) ? describeShape(value) : String(value)
}

/** `value` as [height, width], each an integer of at least `least`. */
export function pair(op: string, name: string, value: Size2d, least: number): [number, number] {
  const given: unknown = value
  const both: unknown[] = Array.isArray(given) ? given : [given, given]
  if (both.length === 2 && both.every((size) => Number.isSafeInteger(size) && (size as number) >= least)) {
    return both as [number, number]
  }
  throw new OptionError(
    `${op}: ${name} must be an integer >= ${String(least)} or two of them, [height, width]; received ${describe(value)}`,
  )
}

/** Checks that a tensor has `rank` dimensions. */
export function requireRank(op: string, name: string, spec: TensorSpec, rank: number, meaning: string): void {
  if (spec.shape.length !== rank) {
    throw new ShapeError(
      `${op}: ${name} must have ${String(rank)} dimensions ${meaning}; received shape ${describeShape(spec.shape)}`,
    )
  }
}

/** Checks that a tensor has exactly this shape. */
export function requireShape(op: string, name: string, spec: TensorSpec, shape: readonly number[]): void {
  if (spec.shape.length !== shape.length || spec.shape.some((size, i) => size !== shape[i])) {
    throw new ShapeError(
      `${op}: ${name} must have shape ${describeShape(shape)}; received ${describeShape(spec.shape)}`,
    )
  }
}

/** Checks that a tensor has one of these types. */
export function requireDType(op: string, name: string, spec: TensorSpec, dtypes: readonly DType[]): void {
  if (!dtypes.includes(spec.dtype)) {
    throw new DTypeError(`${op}: ${name} must be ${dtypes.join(' or ')}; received ${spec.dtype}`)
  }
}

/** Checks that a tensor is float32 or bfloat16. */
export function requireActivation(op: string, name: string, spec: TensorSpec): void {
  requireDType(op, name, spec, activationTypes)
}

/** A shape's dimensions as numbers; it has been checked that there are four. */
export function dimensions4(spec: TensorSpec): [number, number, number, number] {
  return spec.shape as unknown as [number, number, number, number]
}

/** A shape's dimensions as numbers; it has been checked that there are two. */
export function dimensions2(spec: TensorSpec): [number, number] {
  return spec.shape as unknown as [number, number]
}
