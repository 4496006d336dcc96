/**
 * The safetensors format: 8 bytes with the little-endian length of a JSON header, the header
 * `{ name: { dtype, shape, data_offsets: [begin, end] }, __metadata__: { key: text } }`, and the tensors' bytes,
 * row-major and little-endian, without holes.
 *
 * https://github.com/huggingface/safetensors ("Format")
 */
import { z } from 'zod'
import { CheckpointError, DTypeError, OptionError, ShapeError } from '../errors.js'
import { readBytes } from '../files.js'
import { byteLength, elementCount, type DType } from '../graph/graph.js'
import { className, type TypedArrays } from '../layout.js'
import { describe, describeShape } from '../ops/check.js'
import { writeFileAtomic } from './atomic.js'

/** The types, largest first as in the files of the format's own library. A bfloat16 is the upper half of a float32. */
const types = {
  int64: { format: 'I64', array: BigInt64Array },
  float64: { format: 'F64', array: Float64Array },
  float32: { format: 'F32', array: Float32Array },
  int32: { format: 'I32', array: Int32Array },
  bfloat16: { format: 'BF16', array: Uint16Array },
  uint8: { format: 'U8', array: Uint8Array },
} as const satisfies Record<Exclude<DType, 'opaque'>, unknown>

type StoredType = keyof typeof types
const typeOrder = Object.keys(types) as StoredType[]

type Arrays = Omit<TypedArrays, 'bfloat16'> & { readonly bfloat16: Uint16Array }

/** A tensor with its elements in row-major order. */
export type StoredTensor = {
  [T in StoredType]: { readonly dtype: T; readonly shape: readonly number[]; readonly data: Arrays[T] }
}[StoredType]

/** What a file holds. */
export interface Safetensors {
  readonly tensors: ReadonlyMap<string, StoredTensor>
  readonly metadata: Readonly<Record<string, string>>
}

const lengthBytes = 8
const alignment = 8
const maxHeaderBytes = 100_000_000
const metadataKey = '__metadata__'
const what = 'a safetensors file'

const sizeSchema = z.int().nonnegative()
const entrySchema = z.object({
  dtype: z.string(),
  shape: z.array(sizeSchema),
  data_offsets: z.tuple([sizeSchema, sizeSchema]),
})
const metadataSchema = z.record(z.string(), z.string())
const headerSchema = z.map(z.string(), entrySchema)

type Entry = z.infer<typeof entrySchema>

/** Throws what is wrong with a file. */
type Fail = (expected: string, received: string) => never

/**
 * Reads the content of a safetensors file. The tensors share memory with `bytes` where their alignment allows it.
 *
 * @param name the file's name, for errors
 * @throws CheckpointError if anything is not as the format has it
 */
export function parseSafetensors(bytes: Uint8Array, name = 'safetensors data'): Safetensors {
  const fail: Fail = (expected, received) => {
    const message = `expected ${what} ${expected}; received ${received}`
    throw new CheckpointError(`${name}: ${message}; check the file or get it again`)
  }
  const { header, body } = splitHeader(bytes, fail)
  const { entries, metadata } = readHeader(header, fail)
  return { tensors: readTensors(entries, body, fail), metadata }
}

function splitHeader(bytes: Uint8Array, fail: Fail): { header: Uint8Array; body: Uint8Array } {
  if (bytes.length < lengthBytes) fail(`of at least ${lengthBytes} bytes`, `${bytes.length} bytes`)
  const headerBytes = new DataView(bytes.buffer, bytes.byteOffset, lengthBytes).getBigUint64(0, true)
  const most = Math.min(bytes.length - lengthBytes, maxHeaderBytes)
  if (headerBytes > most) fail(`whose header has at most ${most} bytes`, `a header of ${headerBytes} bytes`)
  const end = lengthBytes + Number(headerBytes)
  return { header: bytes.subarray(lengthBytes, end), body: bytes.subarray(end) }
}

function readHeader(
  bytes: Uint8Array,
  fail: Fail,
): { entries: ReadonlyMap<string, Entry>; metadata: Record<string, string> } {
  const start = JSON.stringify(Buffer.from(bytes.subarray(0, 20)).toString('latin1'))
  const text = attempt(() => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  const parsed: unknown = text?.startsWith('{') ? attempt((): unknown => JSON.parse(text)) : undefined
  if (text === undefined || parsed === undefined) return fail('whose header is a JSON object in UTF-8', start)
  const repeated = duplicateKey(text)
  if (repeated !== undefined) fail('that names everything once', `${describe(repeated)} twice`)

  const values = new Map<string, unknown>(Object.entries(parsed as object))
  const metadata = metadataSchema.safeParse(values.get(metadataKey) ?? {})
  values.delete(metadataKey)
  const entries = headerSchema.safeParse(values)
  if (metadata.error) return fail(`with texts as ${metadataKey}`, describeIssue(metadata.error))
  if (entries.error) return fail('with dtype, shape and data_offsets for each tensor', describeIssue(entries.error))
  return { entries: entries.data, metadata: metadata.data }
}

/** The tensors in the order of their bytes, which must follow one another from the first to the last. */
function readTensors(entries: ReadonlyMap<string, Entry>, body: Uint8Array, fail: Fail): Map<string, StoredTensor> {
  const tensors = new Map<string, StoredTensor>()
  let end = 0
  for (const [key, entry] of [...entries].sort(([, a], [, b]) => compareOffsets(a.data_offsets, b.data_offsets))) {
    const dtype = typeOrder.find((type) => types[type].format === entry.dtype)
    if (dtype === undefined) {
      const known = typeOrder.map((type) => types[type].format).join(', ')
      return fail(`with tensors of ${known}`, `${describe(key)} of ${describe(entry.dtype)}`)
    }
    const offsets = [end, end + byteLength({ dtype, shape: entry.shape })]
    if (compareOffsets(entry.data_offsets, offsets) !== 0 || entry.data_offsets[1] > body.length) {
      const tensor = `${describe(key)}, ${entry.dtype} ${describeShape(entry.shape)}`
      const expected = `with ${tensor}, at ${describeShape(offsets)} of its ${body.length} data bytes`
      fail(expected, describeShape(entry.data_offsets))
    }
    end = entry.data_offsets[1]
    const data = viewAs(types[dtype].array, body.subarray(...entry.data_offsets))
    tensors.set(key, { dtype, shape: entry.shape, data } as StoredTensor)
  }
  if (end !== body.length) fail(`with ${end} data bytes, where the last tensor ends`, `${body.length} data bytes`)
  return tensors
}

/**
 * The content of a safetensors file, in the order in which the format's own library writes.
 *
 * @param metadata texts that go with the tensors
 * @throws ShapeError if a shape does not fit its data; DTypeError if data does not fit its type; OptionError if a
 * tensor has the reserved name `__metadata__`, or metadata is not text
 */
export function serializeSafetensors(
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const wrong = metadataSchema.safeParse(metadata).error
  if (wrong) throw new OptionError(`serializeSafetensors: metadata must be texts; received ${describeIssue(wrong)}`)
  const ordered = [...tensors].sort(compareStored)
  const header: [string, unknown][] = Object.keys(metadata).length > 0 ? [[metadataKey, metadata]] : []
  let end = 0
  for (const [name, tensor] of ordered) {
    requireStorable(name, tensor)
    const begin = end
    end += tensor.data.byteLength
    header.push([name, { dtype: types[tensor.dtype].format, shape: tensor.shape, data_offsets: [begin, end] }])
  }
  const pairs = header.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`)
  const text = Buffer.from(`{${pairs.join(',')}}`)
  const headerBytes = Math.ceil(text.length / alignment) * alignment
  const bytes = new Uint8Array(lengthBytes + headerBytes + end).fill(space, lengthBytes, lengthBytes + headerBytes)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true)
  bytes.set(text, lengthBytes)
  let position = lengthBytes + headerBytes
  for (const [, { data }] of ordered) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), position)
    position += data.byteLength
  }
  return bytes
}

const space = 0x20

/** The larger type first, so that all are aligned, then by name. */
function compareStored([nameA, a]: [string, StoredTensor], [nameB, b]: [string, StoredTensor]): number {
  const byType = typeOrder.indexOf(a.dtype) - typeOrder.indexOf(b.dtype)
  return byType || Buffer.compare(Buffer.from(nameA), Buffer.from(nameB))
}

function requireStorable(name: string, { dtype, shape, data }: StoredTensor): void {
  const where = `serializeSafetensors: ${describe(name)}`
  if (name === metadataKey) throw new OptionError(`${where} is reserved; give the tensor another name`)
  const type = Object.hasOwn(types, dtype) ? types[dtype] : undefined
  if (className(data) !== type?.array.name) {
    const known = typeOrder.map((key) => `${key} in ${types[key].array.name}`).join(', ')
    throw new DTypeError(`${where} must be one of ${known}; received ${describe(dtype)} in ${className(data)}`)
  }
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0) || elementCount(shape) !== data.length) {
    throw new ShapeError(`${where} must have a shape of ${data.length} elements; received ${describeShape(shape)}`)
  }
}

/**
 * Reads a safetensors file.
 *
 * @throws CheckpointError if it cannot be read or is damaged
 */
export async function readSafetensors(path: string): Promise<Safetensors> {
  return parseSafetensors(await readBytes(path, what, CheckpointError), path)
}

/**
 * Writes a safetensors file whole or not at all.
 *
 * @throws CheckpointError if it cannot be written; what `serializeSafetensors` throws
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await writeFileAtomic(path, serializeSafetensors(tensors, metadata))
}

function attempt<T>(compute: () => T): T | undefined {
  try {
    return compute()
  } catch {
    return undefined
  }
}

function compareOffsets(a: readonly number[], b: readonly number[]): number {
  return a[0]! - b[0]! || a[1]! - b[1]!
}

function describeIssue({ issues: [issue] }: z.ZodError): string {
  return `${issue?.path.map((key) => describe(key)).join('.') ?? ''}: ${issue?.message ?? ''}`
}

/** The bytes as elements; copied if they do not begin at a multiple of an element's size. */
function viewAs(array: (typeof types)[StoredType]['array'], bytes: Uint8Array): StoredTensor['data'] {
  const aligned = bytes.byteOffset % array.BYTES_PER_ELEMENT === 0 ? bytes : Uint8Array.from(bytes)
  return new array(aligned.buffer as ArrayBuffer, aligned.byteOffset, bytes.length / array.BYTES_PER_ELEMENT)
}

/** The first key that stands twice in an object of a valid JSON text; JSON.parse takes the last of them silently. */
function duplicateKey(json: string): string | undefined {
  const open: Set<string>[] = []
  let last = ''
  for (const [token] of json.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|[{}:]/g)) {
    if (token === '{') open.push(new Set())
    else if (token === '}') open.pop()
    else if (token !== ':') last = token
    else {
      const key = JSON.parse(last) as string
      if (open.at(-1)?.has(key)) return key
      open.at(-1)?.add(key)
    }
  }
  return undefined
}
