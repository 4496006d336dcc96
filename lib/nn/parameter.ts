/** Parameters: the weights and biases of layers. */
import type { Device } from '../device.js'
import { DeviceError, DTypeError, OptionError, ShapeError } from '../errors.js'
import { elementCount } from '../graph/graph.js'
import type { Liftable } from '../graph/trace.js'
import type { Initializer } from '../init/initializer.js'
import { className } from '../layout.js'
import { describeShape } from '../ops/check.js'
import type { Random } from '../random.js'
import { Tensor } from '../tensor.js'

/** A shape of which some sizes are known only when the layer sees its first input. */
export type LazyShape = readonly (number | undefined)[]

/**
 * A weight or bias, float32. It has no values before it is materialized, and lives on the device once it is used there.
 */
export class Parameter implements Liftable {
  readonly liftable = true
  readonly dtype = 'float32'
  readonly #declared: LazyShape
  #shape: readonly number[] | undefined
  #initializer: Initializer
  /** Host values in logical order, or the device's tensor, which is then the truth. */
  #values: Float32Array | Tensor<'float32'> | undefined
  #upload: Promise<void> | undefined
  /** Whether a run changes the values. */
  #held = false

  /** @param shape undefined stands for a size that `resolve` will tell */
  constructor(shape: LazyShape, initializer: Initializer) {
    this.#declared = [...shape]
    this.#initializer = initializer
    if (isComplete(shape)) this.#shape = [...shape]
  }

  /** The shape: OIHW for the weight of a convolution. Throws ShapeError while it is lazy. */
  get shape(): readonly number[] {
    if (this.#shape) return this.#shape
    throw new ShapeError(
      `the shape ${this.describeShape()} of a parameter is not known before the input's; ` +
        'call materialize(inputShape) first',
    )
  }

  /** Whether the shape is not known yet. */
  get isLazy(): boolean {
    return this.#shape === undefined
  }

  /** Whether it has values. */
  get isMaterialized(): boolean {
    return this.#values !== undefined
  }

  /** The device's tensor, if the values are on one. */
  get tensor(): Tensor<'float32'> | undefined {
    return this.#values instanceof Tensor ? this.#values : undefined
  }

  /** The shape for messages; `?` is a size that is not known yet. */
  describeShape(): string {
    return `[${(this.#shape ?? this.#declared).map((size) => size ?? '?').join(', ')}]`
  }

  /** Whether this may be the parameter's shape. */
  fits(shape: readonly number[]): boolean {
    const known = this.#shape ?? this.#declared
    return shape.length === known.length && shape.every((size, i) => size === (known[i] ?? size))
  }

  /** Tells a lazy parameter its shape. Throws ShapeError if that contradicts what is known. */
  resolve(shape: readonly number[]): void {
    this.#requireFit(shape)
    this.#shape = [...shape]
  }

  /** Makes a parameter lazy again that was declared so, unless it has values. */
  unresolve(): void {
    if (!this.#values && !isComplete(this.#declared)) this.#shape = undefined
  }

  /**
   * What makes the first values: a new initializer, given the one so far. Values that there are are dropped. Throws OptionError
   * while a run holds them.
   */
  initialize(change: (initializer: Initializer) => Initializer): void {
    if (this.#held) throw new OptionError(this.#describeRun('it cannot be initialized before the run ends'))
    this.#initializer = change(this.#initializer)
    this.#values = undefined
  }

  /** Makes the first values, unless there are values. Throws ShapeError while the shape is lazy. */
  materialize(random: Random): void {
    if (this.#values) return
    const values = this.#initializer(this.shape, random)
    this.#requireValues(values, this.shape)
    this.#values = values
  }

  /** The present values, in logical order; a copy. Rejects with OptionError if there are none yet. */
  async read(): Promise<Float32Array> {
    const values = this.#requireMaterialized()
    return values instanceof Tensor ? values.data() : values.slice()
  }

  /**
   * Replaces the values, on the device if they are there.
   *
   * @param values in logical order, copied
   * @param shape tells a lazy parameter its shape
   */
  async write(values: Float32Array, shape: readonly number[] = this.shape): Promise<void> {
    this.#requireValues(values, shape)
    this.resolve(shape)
    if (this.#values instanceof Tensor) await this.#values.assign(values)
    else this.#values = values.slice()
  }

  /**
   * The values on a device; they move there when they are first asked for, and stay. Rejects with DeviceError if they are
   * elsewhere while a run holds them.
   */
  async onDevice(device: Device): Promise<Tensor<'float32'>> {
    for (;;) {
      const values = this.#requireMaterialized()
      if (values instanceof Tensor && values.device === device) return values
      if (this.#held && values instanceof Tensor) {
        throw new DeviceError(this.#describeRun('its values cannot move; use the same device, or wait for the run to end'))
      }
      this.#upload ??= this.#moveTo(device).finally(() => {
        this.#upload = undefined
      })
      await this.#upload
    }
  }

  /** Takes a tensor, such as a view into one buffer of all parameters, as the place of the values from now on. */
  adopt(tensor: Tensor<'float32'>): void {
    this.#requireFit(tensor.shape)
    this.#shape = tensor.shape
    this.#values = tensor
  }

  /**
   * Keeps the values where a run changes them: until they are let go, no other run can hold them, and they neither move nor are
   * dropped.
   *
   * @returns lets them go
   * @throws OptionError if a run holds them
   */
  hold(): () => void {
    if (this.#held) throw new OptionError(this.#describeRun('wait for the run to end, or end it with its signal or its return()'))
    this.#held = true
    return () => {
      this.#held = false
    }
  }

  #describeRun(advice: string): string {
    return `a parameter of shape ${this.describeShape()} is being trained already; ${advice}`
  }

  async #moveTo(device: Device): Promise<void> {
    const before = this.#values
    const tensor = await Tensor.from(await this.read(), this.shape, { dtype: 'float32', device })
    // Values that came meanwhile win.
    if (this.#values === before) this.#values = tensor
  }

  #requireMaterialized(): Float32Array | Tensor<'float32'> {
    if (this.#values) return this.#values
    throw new OptionError(
      `a parameter of shape ${this.describeShape()} has no values yet; ` +
        'call materialize(inputShape) on the network or load a checkpoint first',
    )
  }

  #requireFit(shape: readonly number[]): void {
    if (this.fits(shape)) return
    throw new ShapeError(`a parameter has shape ${this.describeShape()}; received ${describeShape(shape)}`)
  }

  #requireValues(values: Float32Array, shape: readonly number[]): void {
    if (className(values) !== 'Float32Array') {
      throw new DTypeError(`a parameter's values are a Float32Array; received ${className(values)}`)
    }
    const count = elementCount(shape)
    if (values.length === count) return
    throw new ShapeError(`a parameter of shape ${describeShape(shape)} has ${count} values; received ${values.length}`)
  }
}

function isComplete(shape: LazyShape): shape is readonly number[] {
  return !shape.includes(undefined)
}
