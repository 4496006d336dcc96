/**
 * The IDX format of MNIST: two zero bytes, the element type, the number of dimensions, the dimensions as big-endian
 * 32-bit integers, the elements in row-major order, big-endian.
 *
 * http://yann.lecun.com/exdb/mnist/ ("The IDX file format")
 */
import { promisify } from 'node:util'
import { constants, gunzip, gzip } from 'node:zlib'
import { DTypeError, DataError, ShapeError } from '../errors.js'
import { readBytes, writeBytesAtomic } from '../files.js'
import { elementCount } from '../graph/graph.js'
import { className } from '../layout.js'
import { describe, describeShape } from '../ops/check.js'

/** The element types, with the codes of the file's third byte. */
const elementTypes = {
  uint8: { code: 0x08, array: Uint8Array },
  int8: { code: 0x09, array: Int8Array },
  int16: { code: 0x0b, array: Int16Array },
  int32: { code: 0x0c, array: Int32Array },
  float32: { code: 0x0d, array: Float32Array },
  float64: { code: 0x0e, array: Float64Array },
} as const

export type IdxType = keyof typeof elementTypes

interface Arrays {
  readonly uint8: Uint8Array
  readonly int8: Int8Array
  readonly int16: Int16Array
  readonly int32: Int32Array
  readonly float32: Float32Array
  readonly float64: Float64Array
}

/** What an IDX file holds: row-major elements in an array of the type that `dtype` names. */
export type IdxArray = {
  [T in IdxType]: { readonly dtype: T; readonly shape: readonly number[]; readonly data: Arrays[T] }
}[IdxType]

const prefixBytes = 4
const dimensionBytes = 4
const maxDimensions = 255
const what = 'an IDX file'

/** A file's header. */
interface Header {
  readonly dtype: IdxType
  readonly shape: readonly number[]
  /** Where the elements begin. */
  readonly offset: number
  /** The size of the whole file. */
  readonly bytes: number
}

function parseHeader(bytes: Uint8Array, name: string): Header {
  const expected = (text: string): DataError => new DataError(`${name}: expected ${what} ${text}`)
  if (bytes.length < prefixBytes) throw expected(`of at least ${prefixBytes} bytes; received ${bytes.length} bytes`)
  const [zero0, zero1, code, rank = 0] = bytes
  const dtype = (Object.keys(elementTypes) as IdxType[]).find((type) => elementTypes[type].code === code)
  if (zero0 !== 0 || zero1 !== 0 || dtype === undefined || rank === 0) {
    const magic = Buffer.from(bytes.subarray(0, prefixBytes)).toString('hex')
    throw expected(
      'that begins with 00 00, a type (08, 09, 0b, 0c, 0d or 0e) and the number of dimensions (>= 1); ' +
        `received ${magic} in hexadecimal; check that this is the right file and that it was downloaded whole`,
    )
  }
  const offset = prefixBytes + rank * dimensionBytes
  if (bytes.length < offset) {
    throw expected(`with a header of ${offset} bytes for ${rank} dimensions; received ${bytes.length} bytes`)
  }
  const view = viewOf(bytes)
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(prefixBytes + i * dimensionBytes))
  return { dtype, shape, offset, bytes: offset + elementCount(shape) * elementTypes[dtype].array.BYTES_PER_ELEMENT }
}

/**
 * Reads the content of an IDX file that is not packed. An array of bytes shares memory with `bytes`.
 *
 * @param name the file's name, for errors
 * @throws DataError if the header is wrong or the length is not exactly what it says
 */
export function parseIdx(bytes: Uint8Array, name = 'IDX data'): IdxArray {
  const header = parseHeader(bytes, name)
  if (bytes.length !== header.bytes) {
    const fault = bytes.length < header.bytes ? 'cut short' : 'too long'
    throw new DataError(
      `${name}: expected exactly ${header.bytes} bytes for shape ${describeShape(header.shape)} of ${header.dtype}; ` +
        `received ${bytes.length} bytes; the file is ${fault}, get it again`,
    )
  }
  const body = bytes.subarray(header.offset)
  const { array } = elementTypes[header.dtype]
  const data = array === Uint8Array ? body : new array(toggleEndian(body, array.BYTES_PER_ELEMENT).buffer)
  return { dtype: header.dtype, shape: header.shape, data } as IdxArray
}

/**
 * The content of an IDX file.
 *
 * @throws ShapeError if the shape does not fit the data; DTypeError if the data does not fit the type
 */
export function serializeIdx({ dtype, shape, data }: IdxArray): Uint8Array {
  const type = Object.hasOwn(elementTypes, dtype) ? elementTypes[dtype] : undefined
  if (type === undefined || className(data) !== type.array.name) {
    const types = Object.entries(elementTypes).map(([key, { array }]) => `${key} in ${array.name}`)
    const received = `${describe(dtype)} in ${className(data)}`
    throw new DTypeError(`serializeIdx: data must be one of ${types.join(', ')}; received ${received}`)
  }
  const isSize = (size: number): boolean => Number.isInteger(size) && size >= 0 && size < 2 ** 32
  if (shape.length < 1 || shape.length > maxDimensions || !shape.every(isSize) || elementCount(shape) !== data.length) {
    throw new ShapeError(
      `serializeIdx: shape must have 1 to ${maxDimensions} sizes whose product is data.length, ${data.length}; ` +
        `received ${describeShape(shape)}`,
    )
  }
  const offset = prefixBytes + shape.length * dimensionBytes
  const bytes = new Uint8Array(offset + data.byteLength)
  bytes.set([0, 0, type.code, shape.length])
  const view = viewOf(bytes)
  shape.forEach((size, i) => {
    view.setUint32(prefixBytes + i * dimensionBytes, size)
  })
  const body = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  bytes.set(toggleEndian(body, type.array.BYTES_PER_ELEMENT), offset)
  return bytes
}

/**
 * Reads an IDX file, packed with gzip or not.
 *
 * @throws DataError if it cannot be read, is damaged or is no IDX file
 */
export async function readIdx(path: string): Promise<IdxArray> {
  return parseIdx(await unpack(await readBytes(path, what, DataError), path), path)
}

/**
 * Writes an IDX file whole or not at all; packed with gzip if the name ends in `.gz`.
 *
 * @throws DataError if it cannot be written; ShapeError or DTypeError as `serializeIdx`
 */
export async function writeIdx(path: string, array: IdxArray): Promise<void> {
  const bytes = serializeIdx(array)
  await writeBytesAtomic(path, path.endsWith('.gz') ? await promisify(gzip)(bytes) : bytes, DataError)
}

/** Unpacks gzip, and no more than the header inside says there is. */
async function unpack(bytes: Uint8Array, name: string): Promise<Uint8Array> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes
  try {
    const start = await promisify(gunzip)(bytes.subarray(0, 1 << 16), { finishFlush: constants.Z_SYNC_FLUSH })
    const maxOutputLength = Math.max(1, Math.min(parseHeader(start, name).bytes, 2 ** 32))
    return await promisify(gunzip)(bytes, { maxOutputLength })
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException
    if (code === 'ERR_DATA') throw error
    const found = code === 'ERR_BUFFER_TOO_LARGE' ? 'more data than its header says' : `damaged gzip (${message})`
    throw new DataError(`${name}: expected ${what} packed with gzip; received ${found}; get the file again`)
  }
}

/** A copy of the elements, from big-endian to the machine's order or back. */
function toggleEndian(bytes: Uint8Array, elementBytes: number): Uint8Array<ArrayBuffer> {
  const copy = Uint8Array.from(bytes)
  const buffer = Buffer.from(copy.buffer)
  if (isLittleEndian && elementBytes === 2) buffer.swap16()
  if (isLittleEndian && elementBytes === 4) buffer.swap32()
  if (isLittleEndian && elementBytes === 8) buffer.swap64()
  return copy
}

const isLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
