import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { encode } from 'fast-png'
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { decodePng, readPng, type Image } from '../../lib/data/png.js'
import { DataError, OptionError } from '../../lib/errors.js'
import { damaged } from '../mutations.js'
import { useTemporaryFolder } from '../temporaryFolder.js'

const path = useTemporaryFolder()

interface Fixture {
  readonly name: string
  readonly png: string
  readonly shape: readonly [number, number]
  readonly grey: readonly number[]
  readonly colour: readonly number[]
}
const fixtureFile = fileURLToPath(new URL('../fixtures/png.json', import.meta.url))
const fixtures = JSON.parse(await readFile(fixtureFile, 'utf8')) as readonly Fixture[]

describe('what Pillow writes is read with the values that Pillow has', () => {
  test.each(fixtures)('$name', async ({ png, shape, grey, colour }) => {
    const bytes = Buffer.from(png, 'base64')
    expect(decodePng(bytes, 1)).toEqual({ shape: [...shape, 1], data: Uint8Array.from(grey) })
    expect(decodePng(bytes, 3)).toEqual({ shape: [...shape, 3], data: Uint8Array.from(colour) })
    await writeFile(path('x.png'), bytes)
    expect(await readPng(path('x.png'), 3)).toEqual(decodePng(bytes, 3))
  })
})

describe('few bits per sample', () => {
  test.each([1, 2, 4] as const)('%d bits, in rows that do not fill their last byte', (depth) => {
    const [width, height, max] = [5, 3, 2 ** depth - 1]
    const values = Array.from({ length: width * height }, (_, i) => (i * 7) % (max + 1))
    const rowBytes = Math.ceil((width * depth) / 8)
    const data = new Uint8Array(rowBytes * height)
    values.forEach((value, i) => {
      const bit = (i % width) * depth
      data[Math.floor(i / width) * rowBytes + (bit >> 3)]! |= value << (8 - depth - (bit & 7))
    })
    const { data: grey } = decodePng(encode({ width, height, data, depth, channels: 1 }), 1)
    expect([...grey]).toEqual(values.map((value) => (value * 255) / max))
  })
})

describe('what is refused', () => {
  const good = encode({ width: 4, height: 2, data: new Uint8Array(8), channels: 1 })
  const changed = (at: number, ...values: number[]): Uint8Array => {
    const copy = Uint8Array.from(good)
    copy.set(values, at)
    return copy
  }

  test.each([
    ['nothing', new Uint8Array(), /x: expected a PNG file; received 0 bytes/],
    ['a JPEG', Uint8Array.from({ length: 99 }, (_, i) => [0xff, 0xd8, 0xff, 0xe0][i] ?? 0), /begin with ffd8ffe0/],
    ['a header alone', good.subarray(0, 33), /received a damaged one/],
    ['a file cut short', good.subarray(0, good.length - 20), /received a damaged one/],
    ['a wrong checksum', changed(29, 1, 2, 3, 4), /received a damaged one \(CRC mismatch/],
    ['no pixels', changed(16, 0, 0, 0, 0), /1 to 33554432 pixels; received 0x2/],
    ['too many pixels', changed(16, 0x7f, 0xff, 0xff, 0xff), /received 2147483647x2/],
    ['interlacing with few bits', changed(24, 4, 0, 0, 0, 1), /save it without interlacing/],
  ])('%s', (_, bytes, message) => {
    expect(() => decodePng(bytes, 1, 'x')).toThrow(DataError)
    expect(() => decodePng(bytes, 1, 'x')).toThrow(message)
  })

  test('other numbers of channels, and a missing file', async () => {
    for (const channels of [0, 2, 4, NaN]) expect(() => decodePng(good, channels)).toThrow(OptionError)
    await expect(readPng(path('none.png'), 1)).rejects.toThrow(/none\.png: expected a PNG file.*no such file/)
    await expect(readPng(path('none.png'), 1)).rejects.toThrow(DataError)
  })
})

test.each(fixtures)('damaged files give a DataError or an image: $name', ({ png }) => {
  fc.assert(
    fc.property(damaged(Buffer.from(png, 'base64')), (bytes) => {
      let image: Image
      try {
        image = decodePng(bytes, 3)
      } catch (error) {
        expect(error).toBeInstanceOf(DataError)
        return
      }
      expect(image.data.length).toBe(image.shape[0] * image.shape[1] * 3)
    }),
    { numRuns: 300 },
  )
})
