/** What an op is: shape inference, derivative and cost. Its kernels have the same name in native/. */
import type { DType, TensorSpec } from '../graph/graph.js'
import type { Tracer } from '../graph/trace.js'
import type { Attributes } from '../native/binding.js'

/**
 * What a function of lib/ops takes: a `Tracer` while a function is traced, a `Tensor` when it is called eagerly.
 * `R` is what comes back: a `Tracer` at once, or a promise of a `Tensor`.
 */
export interface Operand<R> extends TensorSpec {
  /** Applies an op to `inputs` (of which this is one) and returns its first output. */
  apply(op: OpDefinition, attributes: Attributes, inputs: readonly Operand<R>[]): R
}

/** A node as its op's derivative sees it. */
export interface TracedNode {
  readonly attributes: Attributes
  readonly inputs: readonly Tracer[]
  readonly outputs: readonly Tracer[]
  /** For each input whether its gradient is wanted. */
  readonly wanted: readonly boolean[]
}

/** One op. Pure data and pure functions. */
export interface OpDefinition {
  readonly name: string
  /** The outputs' shapes and types. Throws ShapeError or DTypeError if the inputs do not fit. */
  infer(inputs: readonly TensorSpec[], attributes: Attributes): TensorSpec[]
  /**
   * The gradients of the inputs, given those of the outputs (undefined: zero). An op without it has no derivative.
   */
  differentiate?(node: TracedNode, gradients: readonly (Tracer | undefined)[]): (Tracer | undefined)[]
  /** Floating-point operations; a multiply-add counts as two. Default: none worth counting. */
  flops?(inputs: readonly TensorSpec[], outputs: readonly TensorSpec[], attributes: Attributes): number
  /**
   * Bytes that must at least be read and written. Default: inputs and outputs once each; those that are added to or
   * mutated twice.
   */
  bytes?(inputs: readonly TensorSpec[], outputs: readonly TensorSpec[], attributes: Attributes): number
  /** Trailing outputs from this index on may be left out where nobody reads them. */
  readonly optionalOutputsFrom?: number
  /** The first output may be written over the first input. */
  readonly inPlace?: boolean
  /** Inputs that are written too. Such a node stays even if nobody reads its outputs. */
  readonly mutates?: readonly number[]
  /** It has the attribute `accumulate`: add to the outputs instead of overwriting them. */
  readonly accumulates?: boolean
  /** It has the attribute `precision`, which is the trace's if none is given. */
  readonly hasPrecision?: boolean
}

/** The floating-point types of activations. */
export const activationTypes: readonly DType[] = ['float32', 'bfloat16']
