/**
 * The graph: pure data that every pass reads and writes.
 *
 * Shapes are logical (NCHW for activations, OIHW for weights). In memory every tensor of rank 4 is channels-last
 * (NHWC, OHWI); all others are row-major. There is no other layout but `opaque`, which only a backend can read.
 */
import type { Attributes } from '../native/binding.js'

/** Element types. `opaque` is a blob of bytes in a backend's own layout; its size is known once its kernel is. */
export type DType = 'float32' | 'bfloat16' | 'float64' | 'int32' | 'int64' | 'uint8' | 'opaque'

/** Bytes per element. */
export const byteSizes: Readonly<Record<DType, number>> = {
  float32: 4,
  bfloat16: 2,
  float64: 8,
  int32: 4,
  int64: 8,
  uint8: 1,
  opaque: 1,
}

/** What a tensor is, without its values. */
export interface TensorSpec {
  readonly shape: readonly number[]
  readonly dtype: DType
}

/** The index of a value in `Graph.values`. */
export type ValueId = number

/** A tensor that some node makes or that is bound from outside. */
export interface Value extends TensorSpec {
  /** Set if the value's memory is a part of another value's. */
  readonly alias?: { readonly base: ValueId; readonly byteOffset: number }
}

/** When a node runs: before, in or after the micro-batches of a step. */
export type Stage = 'prologue' | 'body' | 'epilogue'

/** One operation. */
export interface Node {
  readonly op: string
  readonly attributes: Attributes
  readonly inputs: readonly ValueId[]
  readonly outputs: readonly ValueId[]
  readonly stage: Stage
  /** The path of the module that it belongs to, such as `0.2`; empty outside modules. */
  readonly scope: string
}

/** Nodes in the order in which they run. */
export interface Graph {
  readonly values: readonly Value[]
  readonly nodes: readonly Node[]
  /** Values bound from outside, in the order of binding. */
  readonly inputs: readonly ValueId[]
  /** Values that the outside reads, in the order of binding. */
  readonly outputs: readonly ValueId[]
}

/** The number of elements of a shape. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

/** The bytes that a tensor takes. */
export function byteLength(spec: TensorSpec): number {
  return elementCount(spec.shape) * byteSizes[spec.dtype]
}
