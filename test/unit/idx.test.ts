import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { readFile, readdir, writeFile } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import { parseIdx, readIdx, serializeIdx, writeIdx, type IdxArray } from '../../lib/data/idx.js'
import { DTypeError, DataError, ShapeError } from '../../lib/errors.js'
import { damaged } from '../mutations.js'
import { useTemporaryFolder } from '../temporaryFolder.js'

const path = useTemporaryFolder()

const arrays: readonly IdxArray[] = [
  { dtype: 'uint8', shape: [2, 3], data: Uint8Array.of(0, 1, 2, 3, 254, 255) },
  { dtype: 'int8', shape: [3], data: Int8Array.of(-128, 0, 127) },
  { dtype: 'int16', shape: [2], data: Int16Array.of(-2, 258) },
  { dtype: 'int32', shape: [1, 2, 1], data: Int32Array.of(-2, 0x01020304) },
  { dtype: 'float32', shape: [2, 2], data: Float32Array.of(1.5, -0, Infinity, NaN) },
  { dtype: 'float64', shape: [2], data: Float64Array.of(Math.PI, -1e300) },
  { dtype: 'uint8', shape: [0, 5], data: new Uint8Array() },
]

describe('the format', () => {
  test('is big-endian, header and elements, as the specification has it', () => {
    const bytes = serializeIdx({ dtype: 'int16', shape: [1, 2], data: Int16Array.of(1, -2) })
    expect([...bytes]).toEqual([0, 0, 0x0b, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 1, 0xff, 0xfe])
  })

  test.each(arrays)('$dtype $shape goes there and back', async (array) => {
    expect(parseIdx(serializeIdx(array))).toEqual(array)
    for (const name of ['plain', 'packed.gz']) {
      await writeIdx(path(name), array)
      expect(await readIdx(path(name))).toEqual(array)
    }
    expect((await readFile(path('packed.gz'))).subarray(0, 2)).toEqual(Buffer.from([0x1f, 0x8b]))
    expect(await readdir(path())).toEqual(['packed.gz', 'plain'])
  })

  test('an array at an odd offset of its memory is read', () => {
    const bytes = serializeIdx({ dtype: 'float64', shape: [1], data: Float64Array.of(Math.E) })
    const shifted = new Uint8Array(bytes.length + 3)
    shifted.set(bytes, 3)
    expect(parseIdx(shifted.subarray(3)).data).toEqual(Float64Array.of(Math.E))
  })
})

describe('what is refused', () => {
  const good = serializeIdx(arrays[0]!)
  const changed = (at: number, value: number): Uint8Array => good.map((byte, i) => (i === at ? value : byte))

  test.each([
    ['nothing', new Uint8Array(), /x: expected an IDX file of at least 4 bytes; received 0 bytes/],
    ['a web page', Buffer.from('<!doctype html>'), /begins with 00 00, .*received 3c21646f in hexadecimal/],
    ['an unknown type', changed(2, 0x0a), /a type \(08, 09, 0b, 0c, 0d or 0e\).*received 00000a02/],
    ['no dimensions', changed(3, 0), /received 00000800/],
    ['a short header', good.subarray(0, 8), /a header of 12 bytes for 2 dimensions; received 8 bytes/],
    [
      'a byte too few',
      good.subarray(0, -1),
      /exactly 18 bytes for shape \[2, 3\] of uint8; received 17 bytes; .*cut short/,
    ],
    ['a byte too many', Buffer.concat([good, Buffer.of(0)]), /exactly 18 bytes.*received 19 bytes; .*too long/],
    ['more dimensions than bytes', changed(4, 255), /exactly \d+ bytes for shape \[4278190082, 3\]/],
  ])('%s', (_, bytes, message) => {
    expect(() => parseIdx(bytes, 'x')).toThrow(DataError)
    expect(() => parseIdx(bytes, 'x')).toThrow(message)
  })

  test('a shape that does not fit, and data of another type', () => {
    expect(() => serializeIdx({ dtype: 'uint8', shape: [2], data: new Uint8Array(3) })).toThrow(ShapeError)
    expect(() => serializeIdx({ dtype: 'uint8', shape: [], data: new Uint8Array(1) })).toThrow(ShapeError)
    expect(() => serializeIdx({ dtype: 'uint8', shape: [-1], data: new Uint8Array(1) })).toThrow(ShapeError)
    expect(() => serializeIdx({ dtype: 'int8', shape: [1], data: new Float32Array(1) } as unknown as IdxArray)).toThrow(
      DTypeError,
    )
  })

  test('a missing file, a folder, and a place that cannot be written', async () => {
    await expect(readIdx(path('none'))).rejects.toThrow(DataError)
    await expect(readIdx(path('none'))).rejects.toThrow(/none: expected an IDX file.*no such file/)
    await expect(readIdx(path())).rejects.toThrow(/it is a folder/)
    await writeFile(path('file'), '')
    await expect(writeIdx(path('file', 'below'), arrays[0]!)).rejects.toThrow(DataError)
  })

  test.each([
    ['cut short', (packed: Buffer) => packed.subarray(0, -9)],
    ['without its end', (packed: Buffer) => packed.subarray(0, 20)],
    ['corrupted', (packed: Buffer) => Buffer.concat([packed.subarray(0, 12), Buffer.alloc(packed.length - 12, 7)])],
    ['with more inside than its header says', () => gzipSync(Buffer.concat([good, Buffer.alloc(1_000_000)]))],
  ])('gzip %s', async (_, damage) => {
    await writeFile(path('x.gz'), damage(gzipSync(good)))
    await expect(readIdx(path('x.gz'))).rejects.toThrow(DataError)
    await expect(readIdx(path('x.gz'))).rejects.toThrow(/x\.gz: expected an IDX file/)
  })
})

describe('damaged files', () => {
  test.each(arrays)('of $dtype $shape give a DataError or exactly what they say', (array) => {
    fc.assert(
      fc.property(damaged(serializeIdx(array)), (bytes) => {
        let parsed: IdxArray
        try {
          parsed = parseIdx(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(DataError)
          return
        }
        expect(Buffer.from(serializeIdx(parsed))).toEqual(Buffer.from(bytes))
      }),
      { numRuns: 1000 },
    )
  })

  test('packed with gzip give a DataError or what is inside', async () => {
    const original = serializeIdx(arrays[0]!)
    await fc.assert(
      fc.asyncProperty(damaged(gzipSync(original)), async (bytes) => {
        await writeFile(path('x'), bytes)
        try {
          expect(Buffer.from(serializeIdx(await readIdx(path('x'))))).toEqual(Buffer.from(original))
        } catch (error) {
          expect(error).toBeInstanceOf(DataError)
        }
      }),
      { numRuns: 1000 },
    )
  })
})
