/** The base of all layers and networks. */
import { requireInteger } from '../check.js'
import { readSafetensors, type StoredTensor, writeSafetensors } from '../checkpoint/safetensors.js'
import { OptionError, ShapeError } from '../errors.js'
import { GraphBuilder, Tracer } from '../graph/trace.js'
import type { Initializer } from '../init/initializer.js'
import { jit, type Jitted } from '../jit.js'
import { checkShape } from '../layout.js'
import { Random } from '../random.js'
import type { Tensor } from '../tensor.js'
import { Parameter } from './parameter.js'
import { networkTensors, readState, type StateDict, writeState } from './stateDict.js'
import { summarize, type Summary, type SummaryOptions } from './summary.js'

/**
 * Chooses initializers: what makes the first values of the parameter called `name` (`weight`, `bias`) of a layer.
 * undefined leaves it as it is.
 */
export type InitRule = (name: string, shape: readonly number[], layer: Module) => Initializer | undefined

export interface MaterializeOptions {
  /** An integer in [0, 2^53); default 0. Parameter number i draws from `new Random(seed, i)`. */
  readonly seed?: number
}

/**
 * A layer or a network: it has parameters, children and a `forward`. Parameters and children are what its properties
 * hold; their names are the keys of PyTorch's state_dict.
 *
 * @example
 * class Residual extends nn.Module {
 *   readonly conv = new nn.Conv2d(8, 8, 3, { padding: 1 })
 *   forward(x: Tracer) { return relu(add(x, this.conv.trace(x, 'conv'))) }
 * }
 */
export abstract class Module {
  #predict: Jitted<(x: Tracer) => Tracer> | undefined

  /**
   * What the module computes, on symbolic values. Call children by `child.trace(x, name)`, so that they know their
   * path.
   */
  abstract forward(x: Tracer): Tracer

  /** The modules that this one is made of, by name. */
  children(): readonly (readonly [string, Module])[] {
    return this.#properties().filter((entry): entry is [string, Module] => entry[1] instanceof Module)
  }

  /** This module, all below it, and their paths such as `0.2`, in the order of PyTorch's named_modules. */
  namedModules(path = ''): (readonly [string, Module])[] {
    return [[path, this], ...this.children().flatMap(([name, child]) => child.namedModules(join(path, name)))]
  }

  /** All parameters by their state_dict keys such as `0.2.weight`, in PyTorch's order. */
  namedParameters(): (readonly [string, Parameter])[] {
    return this.namedModules().flatMap(([path, module]) =>
      module.#ownParameters().map(([name, parameter]) => [join(path, name), parameter] as const),
    )
  }

  /** All parameters, each once. */
  parameters(): Parameter[] {
    return [...new Set(this.namedParameters().map(([, parameter]) => parameter))]
  }

  /**
   * Runs `forward` within a trace, as the child called `name`.
   *
   * @throws ShapeError that names the layer; OptionError if x is not a tracer; what forward throws
   */
  trace(x: Tracer, name = ''): Tracer {
    if (!((x as unknown) instanceof Tracer)) {
      throw new OptionError(
        `${this.label()}: a module is traced on tracers; call predict(x) to run it on a tensor, ` +
          'or jit a function that calls trace(x)',
      )
    }
    const { builder } = x
    const outer = builder.scope
    const path = join(outer, name)
    builder.scope = path
    try {
      const output = this.forward(x)
      builder.onModule?.(path, this, output)
      return output
    } catch (error) {
      if (!(error instanceof ShapeError) || error.cause !== undefined) throw error
      const where = path === '' ? this.label() : `${path}, ${this.label()}`
      throw new ShapeError(`layer ${where}: ${error.message}`, { cause: error })
    } finally {
      builder.scope = outer
    }
  }

  /**
   * Tells lazy layers the sizes of their inputs, by a trace of the whole network. If that fails they stay lazy.
   *
   * @param inputShape the network's logical input shape
   * @throws ShapeError if the network cannot take it
   */
  inferShapes(inputShape: readonly number[]): this {
    const lazy = this.parameters().filter((parameter) => parameter.isLazy)
    const builder = new GraphBuilder()
    try {
      this.trace(builder.input({ shape: checkShape(inputShape), dtype: 'float32' }))
    } catch (error) {
      for (const parameter of lazy) parameter.unresolve()
      throw error
    }
    return this
  }

  /**
   * Gives every parameter without values its first ones. The same seed gives the same values on every machine.
   *
   * @param inputShape the input's logical shape; needed only if the network has lazy layers, else it is checked
   * @throws ShapeError if the network cannot take this input, or has lazy layers and no inputShape is given;
   * OptionError
   */
  materialize(inputShape?: readonly number[], { seed = 0 }: MaterializeOptions = {}): this {
    requireInteger('materialize', 'seed', seed, 0)
    if (inputShape) this.inferShapes(inputShape)
    const named = this.namedParameters()
    const lazy = named.find(([, parameter]) => parameter.isLazy)
    if (lazy) {
      throw new ShapeError(
        `the shape ${lazy[1].describeShape()} of ${lazy[0]} is not known before the input's; ` +
          'call materialize(inputShape)',
      )
    }
    named.forEach(([, parameter], i) => {
      parameter.materialize(new Random(seed, i))
    })
    return this
  }

  /**
   * Sets what makes the first values, as PyTorch's net.apply(init_fn). Parameters for which the rule returns an
   * initializer get new values at the next `materialize`; the others stay as they are.
   */
  initialize(rule: InitRule): this {
    for (const [, layer] of this.namedModules()) {
      for (const [name, parameter] of layer.#ownParameters()) {
        if (parameter.isLazy) {
          parameter.initialize((before) => (shape, random) => (rule(name, shape, layer) ?? before)(shape, random))
        } else {
          const initializer = rule(name, parameter.shape, layer)
          if (initializer) parameter.initialize(() => initializer)
        }
      }
    }
    return this
  }

  /**
   * Runs the network in evaluation mode (dropout does nothing), on the tensor's device and in its type. Compiled once
   * per input shape. Parameters without values get those of seed 0.
   *
   * @param x float32 or bfloat16, such as [N, C, H, W]
   * @returns a promise that rejects with ShapeError, DTypeError, DisposedError or OutOfMemoryError
   */
  async predict(x: Tensor): Promise<Tensor> {
    if (this.parameters().some((parameter) => !parameter.isMaterialized)) this.materialize(x.shape)
    this.#predict ??= jit((input: Tracer) => this.trace(input))
    return this.#predict(x)
  }

  /**
   * All values by PyTorch's state_dict keys. Parameters without values get those of seed 0.
   *
   * @returns a promise that rejects with ShapeError if the network is lazy and has not seen an input
   */
  async stateDict(): Promise<StateDict> {
    return readState(this.materialize().namedParameters())
  }

  /**
   * Replaces all values, or none. Lazy layers take the shapes of the state.
   *
   * @returns a promise that rejects with CheckpointError, which names all keys that are missing, unexpected or do not
   * fit
   */
  async loadStateDict(state: ReadonlyMap<string, StoredTensor>): Promise<void> {
    await writeState(this.namedParameters(), state, 'the state')
  }

  /**
   * Writes the values to a safetensors file, which PyTorch's `safetensors` reads too, whole or not at all.
   *
   * @param metadata texts that go with them
   * @returns a promise that rejects with CheckpointError; ShapeError as `stateDict`
   */
  async save(path: string, metadata: Readonly<Record<string, string>> = {}): Promise<void> {
    await writeSafetensors(path, await this.stateDict(), metadata)
  }

  /**
   * Loads the values of a safetensors file, also of a training run's checkpoint.
   *
   * @returns a promise that rejects with CheckpointError as `loadStateDict`, or if the file is damaged
   */
  async load(path: string): Promise<void> {
    await writeState(this.namedParameters(), networkTensors((await readSafetensors(path)).tensors), path)
  }

  /**
   * What the network does to an input and what that costs: shapes, parameters, FLOPs, memory as the device's plans
   * allocate it. Nothing is run. Lazy layers take their input sizes from it.
   *
   * @example console.log(await net.summary([1, 1, 224, 224]))
   * @param inputShape [N, C, H, W]
   * @returns a promise that rejects with ShapeError, OptionError or DeviceError
   */
  summary(inputShape: readonly number[], options: SummaryOptions = {}): Promise<Summary> {
    return summarize(this, inputShape, options)
  }

  /** What stands between the brackets of `toString`. */
  protected printArguments(): string {
    return ''
  }

  /** One line: the code that makes it, or its class if it has children. */
  label(): string {
    return this.children().length === 0 ? this.toString() : this.constructor.name
  }

  /** The code that makes it, such as `Conv2d(1, 96, 11, { stride: 4 })`, or as in PyTorch a line per child. */
  toString(): string {
    const lines = this.children().map(([name, child]) => `  (${name}): ${child.toString().replaceAll('\n', '\n  ')}`)
    const inside = lines.length > 0 ? `\n${lines.join('\n')}\n` : this.printArguments()
    return `${this.constructor.name}(${inside})`
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }

  #properties(): [string, unknown][] {
    return Object.entries(this)
  }

  #ownParameters(): [string, Parameter][] {
    return this.#properties().filter((entry): entry is [string, Parameter] => entry[1] instanceof Parameter)
  }
}

function join(path: string, name: string): string {
  return path === '' || name === '' ? path + name : `${path}.${name}`
}
