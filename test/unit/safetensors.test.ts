import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { readFile, readdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import {
  parseSafetensors,
  readSafetensors,
  serializeSafetensors,
  writeSafetensors,
  type Safetensors,
  type StoredTensor,
} from '../../lib/checkpoint/safetensors.js'
import { CheckpointError, DTypeError, OptionError, ShapeError } from '../../lib/errors.js'
import { damaged } from '../mutations.js'
import { useTemporaryFolder } from '../temporaryFolder.js'

const path = useTemporaryFolder()

const tensors = new Map<string, StoredTensor>([
  ['10.weight', { dtype: 'float32', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, -0.5) }],
  ['é"x', { dtype: 'bfloat16', shape: [3], data: Uint16Array.of(0x3f80, 0x4000, 0xbf80) }],
  ['i', { dtype: 'int64', shape: [], data: BigInt64Array.of(-5n) }],
  ['d', { dtype: 'float64', shape: [1], data: Float64Array.of(Math.PI) }],
  ['u', { dtype: 'uint8', shape: [3], data: Uint8Array.of(1, 2, 255) }],
  ['e', { dtype: 'int32', shape: [0, 4], data: new Int32Array(0) }],
])

/** A file of a header, given as JSON, and data. */
function file(header: unknown, data: Uint8Array = new Uint8Array()): Uint8Array {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([length, text, data])
}

const f32 = (shape: number[], begin: number, end: number): object => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
})

function bytesOf({ data }: StoredTensor): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength)
}

describe('what is written', () => {
  test('is read again, with the metadata', async () => {
    const metadata = { format: 'pt', empty: '' }
    await writeSafetensors(path('x'), tensors, metadata)
    const read = await readSafetensors(path('x'))
    expect(read.metadata).toEqual(metadata)
    expect(new Map([...read.tensors].sort())).toEqual(new Map([...tensors].sort()))
    expect(await readdir(path())).toEqual(['x'])
  })

  test('nothing at all is a file too', () => {
    expect(parseSafetensors(serializeSafetensors(new Map()))).toEqual({ tensors: new Map(), metadata: {} })
  })

  test("is what PyTorch's safetensors writes, byte for byte", async () => {
    const bytes = await readFile(fileURLToPath(new URL('../fixtures/format.safetensors', import.meta.url)))
    expect(Buffer.from(serializeSafetensors(tensors, { format: 'pt' }))).toEqual(bytes)
    expect(new Map([...parseSafetensors(bytes).tensors].sort())).toEqual(new Map([...tensors].sort()))
  })

  test('any names and sizes go there and back', () => {
    const tensor = fc
      .uint8Array({ maxLength: 40 })
      .map((data): StoredTensor => ({ dtype: 'uint8', shape: [data.length], data }))
    const wide = fc
      .array(fc.float({ noNaN: true }), { maxLength: 9 })
      .map((values): StoredTensor => ({ dtype: 'float32', shape: [values.length, 1], data: Float32Array.from(values) }))
    const name = fc.string({ unit: 'binary' }).filter((text) => text !== '__metadata__')
    fc.assert(
      fc.property(fc.array(fc.tuple(name, fc.oneof(tensor, wide))), (entries) => {
        const all = new Map([...entries, ['__proto__', entries[0]?.[1] ?? tensors.get('u')!]])
        const read = parseSafetensors(serializeSafetensors(all)).tensors
        expect(read.size).toBe(all.size)
        for (const [key, value] of all) expect(read.get(key)).toEqual(value)
      }),
      { numRuns: 300 },
    )
  })

  test('a shape, a type or a name that will not do is refused', () => {
    const write = (name: string, tensor: unknown, metadata?: unknown) => (): unknown =>
      serializeSafetensors(new Map([[name, tensor as StoredTensor]]), metadata as Record<string, string>)
    const good = { dtype: 'float32', shape: [2], data: new Float32Array(2) }
    expect(write('a', good)).not.toThrow()
    expect(write('a', { ...good, shape: [3] })).toThrow(ShapeError)
    expect(write('a', { ...good, shape: [-1, -2] })).toThrow(ShapeError)
    expect(write('a', { ...good, data: [1, 2] })).toThrow(DTypeError)
    expect(write('a', { ...good, dtype: 'opaque' })).toThrow(
      /"a" must be one of int64 in BigInt64Array, .*received "opaque"/,
    )
    expect(write('__metadata__', good)).toThrow(OptionError)
    expect(write('a', good, { step: 3 })).toThrow(/metadata must be texts; received "step"/)
  })
})

describe('memory', () => {
  test('is shared where it is aligned, and copied where it is not', () => {
    const bytes = serializeSafetensors(new Map([['a', tensors.get('10.weight')!]]))
    const shifted = new Uint8Array(bytes.length + 1)
    shifted.set(bytes, 1)
    expect(parseSafetensors(bytes).tensors.get('a')!.data.buffer).toBe(bytes.buffer)
    expect(parseSafetensors(shifted.subarray(1)).tensors.get('a')).toEqual(tensors.get('10.weight'))
  })
})

describe('what is refused', () => {
  const data = new Uint8Array(8)
  const entry = JSON.stringify(f32([2], 0, 8))

  test.each<[string, Uint8Array, RegExp]>([
    ['nothing', new Uint8Array(), /x: expected a safetensors file of at least 8 bytes; received 0 bytes/],
    ['seven bytes', new Uint8Array(7), /at least 8 bytes; received 7 bytes/],
    ['no header', new Uint8Array(8), /whose header is a JSON object in UTF-8; received ""/],
    [
      'a header longer than the file',
      file({}).fill(9, 0, 1),
      /whose header has at most 2 bytes; received a header of 9/,
    ],
    ['a header of 2^63 bytes', file({}).fill(0x80, 7, 8), /received a header of \d{19} bytes/],
    ['a web page', Buffer.from('<!doctype html><html>'), /whose header has at most 13 bytes/],
    ['a header that is no JSON', file('{"a":'), /is a JSON object/],
    ['a header that is no object', file('[]'), /is a JSON object/],
    ['a header with a byte order mark', file('\ufeff{}'), /is a JSON object/],
    ['a header that is no UTF-8', file('{}').fill(0xff, 9), /is a JSON object/],
    ['a tensor that is null', file({ a: null }), /with dtype, shape and data_offsets.*received "a": Invalid input/],
    ['no dtype', file({ a: { shape: [2], data_offsets: [0, 8] } }, data), /received "a"\."dtype": /],
    ['a shape below zero', file({ a: f32([-2], 0, 8) }, data), /"a"\."shape"\.0: /],
    ['a shape of fractions', file({ a: f32([1.5], 0, 8) }, data), /"a"\."shape"\.0: /],
    ['one offset', file({ a: { dtype: 'F32', shape: [2], data_offsets: [8] } }, data), /"a"\."data_offsets"/],
    ['metadata that are no texts', file({ __metadata__: { a: 1 } }), /with texts as __metadata__; received "a"/],
    ['metadata that are a list', file({ __metadata__: [] }), /with texts as __metadata__/],
    [
      'an unknown type',
      file({ a: { dtype: 'F16', shape: [4], data_offsets: [0, 8] } }, data),
      /of I64, F64, .*"a" of "F16"/,
    ],
    [
      'offsets that do not fit the shape',
      file({ a: f32([3], 0, 8) }, data),
      /"a", F32 \[3\], at \[0, 12\].*received \[0, 8\]/,
    ],
    ['offsets beyond the end', file({ a: f32([4], 0, 16) }, data), /of its 8 data bytes; received \[0, 16\]/],
    ['offsets turned round', file({ a: f32([2], 8, 0) }, data), /received \[8, 0\]/],
    ['a hole at the start', file({ a: f32([1], 4, 8) }, data), /"a", F32 \[1\], at \[0, 4\].*received \[4, 8\]/],
    ['a hole between', file({ a: f32([1], 0, 4), b: f32([1], 8, 12) }, new Uint8Array(12)), /"b".*received \[8, 12\]/],
    ['an overlap', file({ a: f32([2], 0, 8), b: f32([1], 4, 8) }, data), /"b".*received \[4, 8\]/],
    ['two at one place', file({ a: f32([2], 0, 8), b: f32([2], 0, 8) }, data), /received \[0, 8\]/],
    ['bytes left over', file({ a: f32([1], 0, 4) }, data), /with 4 data bytes, .*received 8 data bytes/],
    ['a shape beyond all numbers', file({ a: f32([2 ** 40, 2 ** 40], 0, 8) }, data), /received \[0, 8\]/],
    ['a tensor twice', file(`{"a":${entry},"\\u0061":${entry}}`, data), /names everything once; received "a" twice/],
    [
      'a shape twice',
      file('{"a":{"dtype":"F32","shape":[9],"shape":[2],"data_offsets":[0,8]}}', data),
      /"shape" twice/,
    ],
  ])('%s', (_, bytes, message) => {
    expect(() => parseSafetensors(bytes, 'x')).toThrow(CheckpointError)
    expect(() => parseSafetensors(bytes, 'x')).toThrow(message)
  })

  test('a header of more than 100 MB', () => {
    const bytes = new Uint8Array(100_000_020).fill(0x20)
    new DataView(bytes.buffer).setBigUint64(0, 100_000_001n, true)
    expect(() => parseSafetensors(bytes)).toThrow(/at most 100000000 bytes; received a header of 100000001 bytes/)
  })

  test('a missing file, and a place that cannot be written', async () => {
    await expect(readSafetensors(path('none'))).rejects.toThrow(CheckpointError)
    await expect(readSafetensors(path('none'))).rejects.toThrow(/none: expected a safetensors file.*no such file/)
    await writeFile(path('file'), '')
    await expect(writeSafetensors(path('file', 'x'), tensors)).rejects.toThrow(CheckpointError)
  })
})

test('damaged files give a CheckpointError or exactly what their header says', () => {
  const kept = new Map([...tensors].filter(([name]) => name !== 'i'))
  let right = 0
  fc.assert(
    fc.property(damaged(serializeSafetensors(kept, { format: 'pt' })), (bytes) => {
      let parsed: Safetensors
      try {
        parsed = parseSafetensors(bytes)
      } catch (error) {
        expect(error).toBeInstanceOf(CheckpointError)
        return
      }
      right++
      const headerEnd = 8 + Number(Buffer.from(bytes).readBigUInt64LE())
      const { __metadata__: metadata, ...header } = JSON.parse(
        Buffer.from(bytes.subarray(8, headerEnd)).toString(),
      ) as Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>
      expect(parsed.metadata).toEqual(metadata ?? {})
      expect([...parsed.tensors.keys()].sort()).toEqual(Object.keys(header).sort())
      for (const [name, tensor] of parsed.tensors) {
        const [begin, end] = header[name]!.data_offsets
        expect(tensor.shape).toEqual(header[name]!.shape)
        expect(bytesOf(tensor)).toEqual(Buffer.from(bytes.subarray(headerEnd + begin, headerEnd + end)))
      }
    }),
    { numRuns: 5000 },
  )
  expect(right).toBeGreaterThan(0)
})
