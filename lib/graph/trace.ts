/** Tracing: functions and modules run on tracers, which write down what they do as a graph. */
import { requireOneOf } from '../check.js'
import type { Device } from '../device.js'
import { OptionError } from '../errors.js'
import { className } from '../layout.js'
import type { Attributes } from '../native/binding.js'
import type { OpDefinition, Operand } from '../ops/op.js'
import type { Tensor } from '../tensor.js'
import type { DType, Graph, Node, Stage, TensorSpec, Value, ValueId } from './graph.js'

/** Something that a traced function closes over: a parameter or a tensor. It becomes an input of the graph. */
export interface Liftable extends TensorSpec {
  readonly liftable: true
  /** Its values on a device. */
  onDevice(device: Device): Promise<Tensor>
}

function isLiftable(value: unknown): value is Liftable {
  return typeof value === 'object' && value !== null && 'liftable' in value
}

/**
 * What convolutions and dense layers may round: `default` lets a backend choose faster algorithms that round more than the direct one
 * (Winograd, on GPUs FFT too, for convolutions: in float32 a relative L2 error of 2e-5, a largest error of 2e-4 of the RMS); `highest`
 * does not; `tfloat32`, on GPUs only, also rounds the factors of products to TF32's ten bits (relative L2 error 1e-3), for their tensor
 * cores.
 */
export type MatmulPrecision = 'default' | 'highest' | 'tfloat32'

export const matmulPrecisions: readonly MatmulPrecision[] = ['default', 'highest', 'tfloat32']

/** What holds while a function is traced. */
export interface TraceOptions {
  /** Whether modules behave as in training (dropout drops). */
  readonly training?: boolean
  /** The seed of all randomness in the graph, an integer in [0, 2^53). */
  readonly seed?: number
  /** Of all convolutions and dense layers that have none of their own; default `default`. */
  readonly precision?: MatmulPrecision
}

/** A symbolic tensor: it has a shape and a type, and no values yet. */
export class Tracer implements Operand<Tracer> {
  constructor(
    readonly builder: GraphBuilder,
    readonly id: ValueId,
    readonly shape: readonly number[],
    readonly dtype: DType,
  ) {}

  apply(op: OpDefinition, attributes: Attributes, inputs: readonly Operand<Tracer>[]): Tracer {
    return this.builder.apply(op, attributes, inputs as readonly Tracer[])[0] as Tracer
  }

  /** The tracer of a parameter or tensor that the traced function closes over. */
  lift(liftable: Liftable): Tracer {
    return this.builder.lift(liftable)
  }
}

/** A graph in the making. */
export class GraphBuilder {
  readonly training: boolean
  readonly seed: number
  readonly precision: MatmulPrecision
  readonly values: Value[] = []
  readonly nodes: Node[] = []
  readonly inputs: ValueId[] = []
  /** What was lifted, in the order of first use. */
  readonly lifted = new Map<Liftable, Tracer>()
  /** The step's counters, where there are any: dropout counts its samples by them. */
  counters: Tracer | undefined
  /** When the nodes that are added now run. */
  stage: Stage = 'body'
  /** The module that the nodes that are added now belong to. */
  scope = ''
  /** Called by modules with each output; `summary` listens. */
  onModule: ((path: string, module: object, output: Tracer) => void) | undefined
  #uses = 0

  constructor(options: TraceOptions = {}) {
    this.training = options.training ?? false
    this.seed = options.seed ?? 0
    this.precision = requireOneOf('trace', 'precision', options.precision ?? 'default', matmulPrecisions)
  }

  /** A number for the next use of randomness, so that two dropouts differ. */
  nextUse(): number {
    return this.#uses++
  }

  /** A new value that is bound from outside when the plan runs. */
  input(spec: TensorSpec): Tracer {
    const tracer = this.#value(spec)
    this.inputs.push(tracer.id)
    return tracer
  }

  /** A new value within the memory of another. */
  view(base: Tracer, byteOffset: number, spec: TensorSpec): Tracer {
    return this.#value({ ...spec, alias: { base: base.id, byteOffset } })
  }

  /** Puts a value that a node makes into the memory of another. */
  place(tracer: Tracer, base: Tracer, byteOffset: number): void {
    this.values[tracer.id] = { shape: tracer.shape, dtype: tracer.dtype, alias: { base: base.id, byteOffset } }
  }

  /** Makes a liftable's tracer known beforehand, so that its memory is where the caller wants it. */
  bind(liftable: Liftable, tracer: Tracer): void {
    this.lifted.set(liftable, tracer)
  }

  /** The tracer of a parameter or tensor; the same one each time. */
  lift(liftable: Liftable): Tracer {
    let tracer = this.lifted.get(liftable)
    if (!tracer) {
      tracer = this.input({ shape: liftable.shape, dtype: liftable.dtype })
      this.lifted.set(liftable, tracer)
    }
    return tracer
  }

  /** Adds a node; returns all of its outputs. Throws what the op's shape inference throws. */
  apply(op: OpDefinition, attributes: Attributes, inputs: readonly (Tracer | Liftable)[]): Tracer[] {
    const tracers = inputs.map((input) => {
      if (input instanceof Tracer) return input
      if (isLiftable(input)) return this.lift(input)
      throw new OptionError(
        `${op.name}: expected a tracer, tensor or parameter; received ${className(input)}. Within a traced function, call ` +
          'functions on what comes from its arguments; on tensors alone they run at once and give promises',
      )
    })
    for (const tracer of tracers) {
      if (tracer.builder !== this) {
        throw new OptionError(
          `${op.name}: received a tracer of another trace; return values from a traced function instead of keeping them`,
        )
      }
    }
    const outputs = op.infer(tracers, attributes).map((spec) => this.#value(spec))
    this.nodes.push({
      op: op.name,
      attributes: op.hasPrecision ? { precision: this.precision, ...attributes } : attributes,
      inputs: tracers.map((tracer) => tracer.id),
      outputs: outputs.map((tracer) => tracer.id),
      stage: this.stage,
      scope: this.scope,
    })
    return outputs
  }

  /** The tracer of a value. */
  tracer(id: ValueId): Tracer {
    const { shape, dtype } = this.values[id] as Value
    return new Tracer(this, id, shape, dtype)
  }

  /** The graph so far. */
  build(outputs: readonly Tracer[]): Graph {
    return {
      values: [...this.values],
      nodes: [...this.nodes],
      inputs: [...this.inputs],
      outputs: outputs.map((tracer) => tracer.id),
    }
  }

  #value(value: Value): Tracer {
    this.values.push({
      shape: [...value.shape],
      dtype: value.dtype,
      ...(value.alias ? { alias: value.alias } : {}),
    })
    return new Tracer(this, this.values.length - 1, value.shape, value.dtype)
  }
}
