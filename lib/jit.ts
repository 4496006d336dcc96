/** Running traced functions: `jit`, `vjp`, and single ops. Each is compiled once per input shape and then cached. */
import { guardAsync, type Device } from './device.js'
import { DeviceError, OptionError } from './errors.js'
import { compile, type CompiledGraph } from './graph/compile.js'
import { differentiate } from './graph/differentiate.js'
import type { TensorSpec } from './graph/graph.js'
import { GraphBuilder, Tracer, type Liftable, type TraceOptions } from './graph/trace.js'
import type { Attributes } from './native/binding.js'
import { describe, requireDType, requireShape } from './ops/check.js'
import type { OpDefinition } from './ops/op.js'
import { Tensor } from './tensor.js'

/** A function of tracers: what `jit` and `vjp` take. */
export type Traceable = (...inputs: Tracer[]) => Tracer | readonly Tracer[]

/** What a jitted function returns for what was traced: a tensor for a tracer, an array for an array. */
export type Returned<F extends Traceable> = ReturnType<F> extends Tracer ? Tensor : Tensor[]

/** A tensor for each tracer. */
type Tensors<P extends readonly unknown[]> = { [I in keyof P]: Tensor }

/** A compiled function. */
export interface Jitted<F extends Traceable> {
  (...inputs: Tensors<Parameters<F>>): Promise<Returned<F>>
  /** What was jitted. */
  readonly traceable: F
}

/** Compiled graphs per function are dropped, oldest first, beyond this number. */
const cacheLimit = 256

/** What tracing a function gives: the tensors to compute, and what the caller wants to know of them. */
interface Trace<S> {
  readonly outputs: readonly Tracer[]
  readonly structure: S
}

interface Compiled<S> {
  readonly compiled: CompiledGraph
  readonly lifted: readonly Liftable[]
  /** What the plan computes; its slots follow those of the inputs and of what was lifted. */
  readonly computed: readonly TensorSpec[]
  /** For each tensor that is returned, where it is among inputs, lifted and computed ones. */
  readonly results: readonly number[]
  readonly structure: S
}

/** Traces and compiles a function once per device and input shapes; runs it. */
class CompiledFunction<S> {
  readonly #cache = new Map<Device, Map<string, Promise<Compiled<S>>>>()

  constructor(
    private readonly trace: (inputs: readonly Tracer[], builder: GraphBuilder) => Trace<S>,
    private readonly options: TraceOptions,
  ) {}

  async run(inputs: readonly Tensor[]): Promise<{ results: Tensor[]; structure: S }> {
    const device = deviceOf(inputs)
    const { compiled, lifted, computed, results, structure } = await this.#compiled(device, inputs)
    const closure = await Promise.all(lifted.map((liftable) => liftable.onDevice(device)))
    const bound = [...inputs, ...closure, ...computed.map(({ shape, dtype }) => Tensor.empty(device, shape, dtype))]
    const bindings = bound.map((tensor) => tensor.binding)
    const running = device.run(compiled, 1, bindings)
    // An input, or the same output again, is copied in its turn, so that each result has memory of its own.
    const isFirst = (place: number, i: number): boolean => {
      return place >= inputs.length + closure.length && results.indexOf(place) === i
    }
    const returned = results.map((place, i) => (isFirst(place, i) ? bound[place]! : bound[place]!.clone()))
    const [, ...tensors] = await Promise.all([running, ...returned])
    return { results: tensors, structure }
  }

  #compiled(device: Device, inputs: readonly TensorSpec[]): Promise<Compiled<S>> {
    let cache = this.#cache.get(device)
    if (!cache) this.#cache.set(device, (cache = new Map<string, Promise<Compiled<S>>>()))
    const key = inputs.map(({ shape, dtype }) => `${dtype}[${shape.join()}]`).join()
    let entry = cache.get(key)
    if (!entry) {
      entry = this.#compile(device, inputs)
      entry.catch(() => cache.delete(key))
      cache.set(key, entry)
      const [oldest] = cache.keys()
      if (cache.size > cacheLimit && oldest !== undefined) cache.delete(oldest)
    }
    return entry
  }

  async #compile(device: Device, inputs: readonly TensorSpec[]): Promise<Compiled<S>> {
    const builder = new GraphBuilder(this.options)
    const { outputs: traced, structure } = this.trace(
      inputs.map((spec) => builder.input(spec)),
      builder,
    )
    const computed = [...new Set(traced.map(({ id }) => id))].filter((id) => !builder.inputs.includes(id))
    const places = [...builder.inputs, ...computed]
    const outputs = computed.map((id) => builder.tracer(id))
    const compiled = await guardAsync(() => compile(builder.build(outputs), device.backend, device.native, { keepsPacked: true }))
    const results = traced.map(({ id }) => places.indexOf(id))
    return { compiled, lifted: [...builder.lifted.keys()], computed: outputs, results, structure }
  }
}

function deviceOf(inputs: readonly Tensor[]): Device {
  const [first] = inputs
  if (!first) throw new OptionError('a jitted function must have at least one tensor as input')
  for (const input of inputs) {
    if (!(input instanceof Tensor)) {
      throw new OptionError(
        `a jitted function takes tensors; received ${describe(input)}. Make one with tensor(data, shape)`,
      )
    }
    if (input.device !== first.device) {
      throw new DeviceError(
        `all inputs must be on one device; received tensors on ${first.device.name} and ${input.device.name}`,
      )
    }
  }
  return first.device
}

/** Runs a user's function and checks that it returned tracers. */
function callTraceable(fn: Traceable, inputs: readonly Tracer[]): Trace<{ single: boolean }> {
  const result: unknown = fn(...inputs)
  const single = !Array.isArray(result)
  const outputs: unknown[] = single ? [result] : result
  if (outputs.length > 0 && outputs.every((output) => output instanceof Tracer)) {
    return { outputs, structure: { single } }
  }
  // What an async function rejects with is of no interest any more, but would end the process.
  for (const output of outputs) Promise.resolve(output).catch(() => undefined)
  throw new OptionError(
    'a traced function must return a tracer or an array of them, made by the functions of mlpconv from its arguments; ' +
      'it must not be async',
  )
}

/**
 * Compiles a function of tensors. The function runs once per input shape, on tracers, to write down what it does; from then
 * on the compiled plan runs.
 *
 * @example const block = jit((x, w, b) => relu(conv2d(x, w, b, { stride: 4 })))
 * @throws OptionError if fn is not a function; the returned function rejects with the errors of what it calls
 */
export function jit<F extends Traceable>(fn: F, options: TraceOptions = {}): Jitted<F> {
  const given: unknown = fn
  if (typeof given !== 'function') throw new OptionError(`jit: expected a function; received ${describe(given)}`)
  const compiled = new CompiledFunction((inputs) => callTraceable(fn, inputs), options)
  const jitted = async (...inputs: Tensor[]): Promise<Tensor | Tensor[]> => {
    const { results, structure } = await compiled.run(inputs)
    return structure.single ? results[0]! : results
  }
  return Object.assign(jitted, { traceable: fn }) as Jitted<F>
}

export interface VjpOptions extends TraceOptions {
  /** Parameters of modules that fn closes over, whose gradients are wanted too. */
  readonly parameters?: readonly Liftable[]
}

/** What a function returned, and the gradients. */
export interface VjpResult {
  readonly outputs: Tensor[]
  /** One per input; undefined where the outputs do not depend on that input. */
  readonly gradients: (Tensor | undefined)[]
  /** One per parameter of `VjpOptions.parameters`, float32. */
  readonly parameterGradients: (Tensor | undefined)[]
}

interface VjpStructure {
  readonly outputs: number
  /** Whether there is a gradient, for each input and then each parameter. */
  readonly present: readonly boolean[]
}

/**
 * Runs a function and its vector-Jacobian product: the gradients of sum(outputs * cotangents) with respect to the inputs.
 *
 * @param fn a traceable function, or what `jit` made of one
 * @param cotangents one per output, of the output's shape and type
 * @example const { outputs, gradients } = await vjp(block, [x, w, b], [dy])
 * @throws ShapeError, DTypeError if a cotangent does not fit; OptionError if an op has no derivative
 */
export async function vjp(
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- parameters are contravariant: any function of tracers fits
  fn: Traceable | Jitted<any>,
  inputs: readonly Tensor[],
  cotangents: readonly Tensor[],
  { parameters = [], ...options }: VjpOptions = {},
): Promise<VjpResult> {
  const given: unknown = fn
  if (typeof given !== 'function') throw new OptionError(`vjp: expected a function; received ${describe(given)}`)
  const traceable = ('traceable' in fn ? fn.traceable : fn) as Traceable
  const variant = [inputs.length, options.training, options.seed, options.precision, ...parameters.map(identityOf)].join()
  const compiled = cached(vjpCaches, traceable, variant, () => {
    return new CompiledFunction((tracers, builder) => {
      const [primals, flowing] = [tracers.slice(0, inputs.length), tracers.slice(inputs.length)]
      const { outputs } = callTraceable(traceable, primals)
      const pairs = pairCotangents(outputs, flowing)
      const wanted = [...primals, ...parameters.map((parameter) => builder.lift(parameter))]
      const gradients = differentiate(builder, pairs, wanted)
      const structure: VjpStructure = {
        outputs: outputs.length,
        present: gradients.map((gradient) => gradient !== undefined),
      }
      return { outputs: [...outputs, ...gradients.filter((gradient) => gradient !== undefined)], structure }
    }, options)
  })
  const { results, structure } = await compiled.run([...inputs, ...cotangents])
  let next = structure.outputs
  const gradients = structure.present.map((present) => (present ? results[next++] : undefined))
  return {
    outputs: results.slice(0, structure.outputs),
    gradients: gradients.slice(0, inputs.length),
    parameterGradients: gradients.slice(inputs.length),
  }
}

function pairCotangents(outputs: readonly Tracer[], cotangents: readonly Tracer[]): [Tracer, Tracer][] {
  if (cotangents.length !== outputs.length) {
    throw new OptionError(
      `vjp: expected one cotangent per output, ${String(outputs.length)}; received ${String(cotangents.length)}`,
    )
  }
  return outputs.map((output, i) => {
    const cotangent = cotangents[i]!
    requireShape('vjp', `cotangent ${String(i)}`, cotangent, output.shape)
    requireDType('vjp', `cotangent ${String(i)}`, cotangent, [output.dtype])
    return [output, cotangent]
  })
}

const vjpCaches = new WeakMap<object, Map<string, CompiledFunction<VjpStructure>>>()
const eagerCaches = new WeakMap<object, Map<string, CompiledFunction<undefined>>>()

/** What was made before for this object and this variant of its use, or a new one. */
function cached<T>(caches: WeakMap<object, Map<string, T>>, owner: object, variant: string, make: () => T): T {
  let cache = caches.get(owner)
  if (!cache) caches.set(owner, (cache = new Map<string, T>()))
  let entry = cache.get(variant)
  if (!entry) {
    cache.set(variant, (entry = make()))
    const [oldest] = cache.keys()
    if (cache.size > cacheLimit && oldest !== undefined) cache.delete(oldest)
  }
  return entry
}

const identities = new WeakMap<object, number>()
let identityCount = 0

/** A number that tells an object from all others. */
function identityOf(object: object): number {
  let identity = identities.get(object)
  if (identity === undefined) identities.set(object, (identity = identityCount++))
  return identity
}

/** Runs one op, as a compiled plan of one node; returns its first output. */
export async function runEagerly(op: OpDefinition, attributes: Attributes, inputs: readonly Tensor[]): Promise<Tensor> {
  const compiled = cached(
    eagerCaches,
    op,
    JSON.stringify(attributes),
    () =>
      new CompiledFunction(
        (tracers, builder) => ({ outputs: builder.apply(op, attributes, tracers).slice(0, 1), structure: undefined }),
        {},
      ),
  )
  const { results } = await compiled.run(inputs)
  return results[0]!
}
