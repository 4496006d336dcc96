/** Between what users hold (typed arrays in logical NCHW order) and device memory (channels-last, bfloat16). */
import { DTypeError, ShapeError } from './errors.js'
import { elementCount, type DType } from './graph/graph.js'
import { describe, describeShape } from './ops/check.js'

/** The array that holds a tensor's values for JavaScript. bfloat16 is widened to float32. */
export interface TypedArrays {
  float32: Float32Array
  bfloat16: Float32Array
  float64: Float64Array
  int32: Int32Array
  int64: BigInt64Array
  uint8: Uint8Array
  opaque: Uint8Array
}

type AnyTypedArray = TypedArrays[DType]

const constructors: Readonly<Record<DType, { new (length: number): AnyTypedArray; new (buffer: ArrayBuffer): AnyTypedArray }>> = {
  float32: Float32Array,
  bfloat16: Uint16Array as never,
  float64: Float64Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  opaque: Uint8Array,
}

/** The types that a tensor may be made of, by the name of its typed array. */
const sources: Readonly<Record<string, readonly DType[]>> = {
  Float32Array: ['float32', 'bfloat16'],
  Float64Array: ['float64'],
  Int32Array: ['int32'],
  BigInt64Array: ['int64'],
  Uint8Array: ['uint8'],
  Uint8ClampedArray: ['uint8'],
}

/** The name of a value's built-in class, also across realms: `Float32Array`. */
export function className(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1)
}

/** Checks a shape and returns a copy of it. Throws ShapeError. */
export function checkShape(shape: readonly number[]): readonly number[] {
  const given: unknown = shape
  if (!Array.isArray(given) || shape.some((size) => !Number.isSafeInteger(size) || size < 1)) {
    throw new ShapeError(`a shape must be an array of positive integers; received ${describe(shape)}`)
  }
  return [...shape]
}

/** Values in logical order as the bytes of device memory. Throws ShapeError, DTypeError. */
export function toDevice(data: ArrayBufferView, shape: readonly number[], dtype: DType): ArrayBufferView {
  const name = className(data)
  if (!Object.values(sources).flat().includes(dtype)) {
    const known = [...new Set(Object.values(sources).flat())]
    throw new DTypeError(`a tensor's dtype must be one of ${known.join(', ')}; received ${describe(dtype)}`)
  }
  if (!ArrayBuffer.isView(data) || !sources[name]?.includes(dtype)) {
    const wanted = Object.keys(sources).filter((source) => sources[source]?.includes(dtype))
    throw new DTypeError(`a ${dtype} tensor is made of a ${wanted.join(' or ')}; received ${name}`)
  }
  const values = data as AnyTypedArray
  if (values.length !== elementCount(shape)) {
    throw new ShapeError(
      `shape ${describeShape(shape)} has ${String(elementCount(shape))} elements; received ${String(values.length)} values`,
    )
  }
  const ordered = shape.length === 4 ? permute(values, channelsLast(shape)) : values
  return dtype === 'bfloat16' ? toBfloat16(ordered as Float32Array) : ordered
}

/** The bytes of device memory as values in logical order. */
export function fromDevice<D extends DType>(bytes: ArrayBuffer, shape: readonly number[], dtype: D): TypedArrays[D] {
  const raw = new constructors[dtype](bytes)
  const values = dtype === 'bfloat16' ? fromBfloat16(raw as unknown as Uint16Array) : raw
  return (shape.length === 4 ? permute(values, channelsFirst(shape)) : values) as TypedArrays[D]
}

/** A walk over the source: four loops with these lengths and steps give the elements in the target's order. */
interface Walk {
  readonly lengths: readonly [number, number, number, number]
  readonly steps: readonly [number, number, number, number]
}

function channelsLast(shape: readonly number[]): Walk {
  const [n, c, h, w] = shape as readonly [number, number, number, number]
  return { lengths: [n, h, w, c], steps: [c * h * w, w, 1, h * w] }
}

function channelsFirst(shape: readonly number[]): Walk {
  const [n, c, h, w] = shape as readonly [number, number, number, number]
  return { lengths: [n, c, h, w], steps: [c * h * w, 1, w * c, c] }
}

function permute<T extends AnyTypedArray>(source: T, { lengths, steps }: Walk): T {
  const target = new (source.constructor as new (length: number) => T)(source.length)
  let at = 0
  for (let a = 0; a < lengths[0]; a++) {
    for (let b = 0; b < lengths[1]; b++) {
      for (let c = 0; c < lengths[2]; c++) {
        const row = a * steps[0] + b * steps[1] + c * steps[2]
        for (let d = 0; d < lengths[3]; d++) target[at++] = source[row + d * steps[3]]!
      }
    }
  }
  return target
}

/** Rounds to nearest, ties to even; NaN stays NaN. */
function toBfloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.slice().buffer)
  return Uint16Array.from(bits, (word) =>
    (word & 0x7fffffff) > 0x7f800000 ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16,
  )
}

function fromBfloat16(values: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(values, (half) => half << 16).buffer)
}
