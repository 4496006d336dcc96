/** Tensors: values in a device's memory. */
import { requireOptions } from './check.js'
import { resolveDevice, type Binding, type Device, type DeviceName } from './device.js'
import { DeviceError, DisposedError } from './errors.js'
import { byteLength, type DType } from './graph/graph.js'
import { Tracer, type Liftable } from './graph/trace.js'
import { runEagerly } from './jit.js'
import { checkShape, className, fromDevice, toDevice, type TypedArrays } from './layout.js'
import type { Attributes, Contents } from './native/binding.js'
import type { OpDefinition, Operand } from './ops/op.js'

export interface TensorOptions<D extends DType = DType> {
  /** Default: what the array is (`Float32Array` -> float32; float32 values may also become bfloat16). */
  readonly dtype?: D
  /** Default `auto`. */
  readonly device?: DeviceName | Device
}

/** Values of one type and shape in device memory. The shape is logical: NCHW for images, OIHW for weights. */
export class Tensor<D extends DType = DType> implements Operand<Promise<Tensor>>, Liftable {
  readonly liftable = true
  #binding: Binding | undefined
  readonly #owner: boolean

  private constructor(
    readonly device: Device,
    readonly shape: readonly number[],
    readonly dtype: D,
    binding: Binding,
    owner: boolean,
  ) {
    this.#binding = binding
    this.#owner = owner
  }

  /** Zeros. Throws OutOfMemoryError. */
  static zeros<D extends DType>(device: Device, shape: readonly number[], dtype: D): Tensor<D> {
    return Tensor.#allocate(device, shape, dtype, 'zeros')
  }

  /** Whatever is in memory: for values that are all written before they are read. Throws OutOfMemoryError. */
  static empty<D extends DType>(device: Device, shape: readonly number[], dtype: D): Tensor<D> {
    return Tensor.#allocate(device, shape, dtype, 'undefined')
  }

  static #allocate<D extends DType>(device: Device, shape: readonly number[], dtype: D, contents: Contents): Tensor<D> {
    const checked = checkShape(shape)
    const buffer = device.allocate(byteLength({ shape: checked, dtype }), contents)
    return new Tensor(device, checked, dtype, { buffer, byteOffset: 0 }, true)
  }

  /** A tensor within memory that another one owns. */
  static view<D extends DType>(device: Device, shape: readonly number[], dtype: D, binding: Binding): Tensor<D> {
    return new Tensor(device, checkShape(shape), dtype, binding, false)
  }

  /** Copies values, in logical order, to a device. Rejects with ShapeError, DTypeError, OutOfMemoryError. */
  static async from<D extends DType>(
    data: ArrayBufferView,
    shape: readonly number[],
    options: TensorOptions<D> = {},
  ): Promise<Tensor<D>> {
    requireOptions('tensor', options, ['dtype', 'device'])
    const type = options.dtype ?? (defaultTypes[className(data)] as D | undefined) ?? ('float32' as D)
    const bytes = toDevice(data, checkShape(shape), type)
    const tensor = Tensor.empty(resolveDevice(options.device), shape, type)
    await tensor.device.write(tensor.binding, bytes)
    return tensor
  }

  /** Where the values are. Throws DisposedError. */
  get binding(): Binding {
    if (!this.#binding) throw new DisposedError(`a tensor of shape [${this.shape.join(', ')}] was used after dispose()`)
    return this.#binding
  }

  /** The values in logical order; bfloat16 is widened to float32. */
  async data(): Promise<TypedArrays[D]> {
    return fromDevice(await this.device.read(this.binding, byteLength(this)), this.shape, this.dtype)
  }

  /** Replaces the values. */
  async assign(data: ArrayBufferView): Promise<void> {
    await this.device.write(this.binding, toDevice(data, this.shape, this.dtype))
  }

  /** A copy, with memory of its own, of the values that are there when all that was asked for before is done. */
  async clone(): Promise<Tensor<D>> {
    const copy = Tensor.empty(this.device, this.shape, this.dtype)
    const bytes = await this.device.read(this.binding, byteLength(this))
    await this.device.write(copy.binding, new Uint8Array(bytes))
    return copy
  }

  /** This tensor, if it is on that device. */
  onDevice(device: Device): Promise<Tensor<D>> {
    if (device === this.device) return Promise.resolve(this)
    return Promise.reject(
      new DeviceError(`a tensor is on ${this.device.name}, but ${device.name} was needed; make all tensors on one device`),
    )
  }

  /** Runs one op at once, as a compiled plan of one node; within a traced function, together with tracers, it is traced. */
  apply(op: OpDefinition, attributes: Attributes, inputs: readonly Operand<Promise<Tensor>>[]): Promise<Tensor> {
    const given: readonly unknown[] = inputs
    const tracer = given.find((input) => input instanceof Tracer)
    if (tracer) return tracer.apply(op, attributes, given as readonly Tracer[]) as never
    return runEagerly(op, attributes, inputs as readonly Tensor[])
  }

  /** Frees the memory as soon as no running plan uses it. Later use throws DisposedError. */
  dispose(): void {
    if (this.#owner) this.#binding?.buffer.dispose()
    this.#binding = undefined
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

const defaultTypes: Readonly<Record<string, DType>> = {
  Float32Array: 'float32',
  Float64Array: 'float64',
  Int32Array: 'int32',
  BigInt64Array: 'int64',
  Uint8Array: 'uint8',
  Uint8ClampedArray: 'uint8',
}

/**
 * Copies values to a device.
 *
 * @param data Float32Array (float32, or bfloat16 if asked for), Float64Array, Int32Array, BigInt64Array or Uint8Array, in logical order
 * @param shape NCHW for images, OIHW for weights
 * @returns a promise that rejects with ShapeError, DTypeError, DeviceError or OutOfMemoryError
 */
export function tensor(data: Float32Array, shape: readonly number[], options: TensorOptions<'bfloat16'> & { dtype: 'bfloat16' }): Promise<Tensor<'bfloat16'>>
export function tensor(data: Float32Array, shape: readonly number[], options?: TensorOptions<'float32'>): Promise<Tensor<'float32'>>
export function tensor(data: Float64Array, shape: readonly number[], options?: TensorOptions<'float64'>): Promise<Tensor<'float64'>>
export function tensor(data: Int32Array, shape: readonly number[], options?: TensorOptions<'int32'>): Promise<Tensor<'int32'>>
export function tensor(data: BigInt64Array, shape: readonly number[], options?: TensorOptions<'int64'>): Promise<Tensor<'int64'>>
export function tensor(data: Uint8Array, shape: readonly number[], options?: TensorOptions<'uint8'>): Promise<Tensor<'uint8'>>
export function tensor(data: ArrayBufferView, shape: readonly number[], options?: TensorOptions): Promise<Tensor> {
  return Tensor.from(data, shape, options)
}
