import { convertIndexedToRgb, decode, type DecodedPng } from 'fast-png'
import { DataError, OptionError } from '../errors.js'
import { readBytes } from '../files.js'
import { describe } from '../ops/check.js'

/** One image, a byte per channel of a pixel. */
export interface Image {
  /** [height, width, channels] */
  readonly shape: readonly [number, number, number]
  readonly data: Uint8Array
}

const what = 'a PNG file'
const maxPixels = 2 ** 25

/** Where the first chunk, IHDR, has its fields. PNG specification, 11.2.2. */
const header = { width: 16, height: 20, depth: 24, interlace: 28, bytes: 33 }

/**
 * Decodes a PNG to grey (1) or red, green, blue (3).
 *
 * Colour becomes grey by ITU-R 601-2 luma as in Pillow's `convert('L')`; 16 bits become the nearest of 8; what is
 * transparent is laid over black.
 *
 * @param name the file's name, for errors
 * @throws DataError if it is no PNG, damaged, or of more than 2^25 pixels; OptionError if `channels` is neither 1 nor 3
 */
export function decodePng(bytes: Uint8Array, channels: number, name = 'PNG data'): Image {
  if (channels !== 1 && channels !== 3) {
    throw new OptionError(`decodePng: channels must be 1 or 3; received ${describe(channels)}`)
  }
  requireHeader(bytes, name)
  try {
    const png = decode(bytes, { checkCrc: true })
    const rgba = toRgba(png)
    const { width, height } = png
    return { shape: [height, width, channels], data: channels === 1 ? toGrey(rgba) : toRgb(rgba) }
  } catch (error) {
    const { message } = error as Error
    const expected = `${name}: expected ${what}`
    throw new DataError(`${expected}; received a damaged one (${message}); get it again`, { cause: error })
  }
}

/**
 * Reads a PNG file. See `decodePng`.
 *
 * @throws DataError, OptionError
 */
export async function readPng(path: string, channels: number): Promise<Image> {
  return decodePng(await readBytes(path, what, DataError), channels, path)
}

/** Refuses, before anything is allocated, what is no PNG or too large, and what fast-png decodes wrongly. */
function requireHeader(bytes: Uint8Array, name: string): void {
  const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
  if (bytes.length < header.bytes || signature.some((byte, i) => bytes[i] !== byte)) {
    const start = Buffer.from(bytes.subarray(0, signature.length)).toString('hex')
    const received = `${bytes.length} bytes that begin with ${start} in hexadecimal`
    throw new DataError(`${name}: expected ${what}; received ${received}`)
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const [width, height] = [view.getUint32(header.width), view.getUint32(header.height)]
  if (width < 1 || height < 1 || width * height > maxPixels) {
    throw new DataError(`${name}: expected an image of 1 to ${maxPixels} pixels; received ${width}x${height}`)
  }
  if (view.getUint8(header.interlace) !== 0 && view.getUint8(header.depth) < 8) {
    throw new DataError(
      `${name}: expected no interlacing with less than 8 bits per channel; received both; save it without interlacing`,
    )
  }
}

/** Four bytes per pixel: red, green, blue, opacity. */
function toRgba(png: DecodedPng): Uint8Array {
  const { palette, width, height } = png
  const [samples, channels, max] = palette
    ? [convertIndexedToRgb(png), palette[0]?.length ?? 3, 255]
    : [unpackSamples(png), png.channels, 2 ** png.depth - 1]
  const transparent = palette ? undefined : png.transparency
  const rgba = new Uint8Array(4 * width * height)
  for (let pixel = 0; pixel < width * height; pixel++) {
    const from = pixel * channels
    const isGrey = channels < 3
    for (let channel = 0; channel < 3; channel++) {
      rgba[4 * pixel + channel] = to8Bits(samples[from + (isGrey ? 0 : channel)]!, max)
    }
    const isOpaque = channels % 2 === 1
    const isKey = transparent?.every((sample, channel) => sample === samples[from + channel])
    rgba[4 * pixel + 3] = isKey ? 0 : isOpaque ? 255 : to8Bits(samples[from + channels - 1]!, max)
  }
  return rgba
}

function to8Bits(sample: number, max: number): number {
  return Math.round((sample * 255) / max)
}

/** One element per sample, also where several share a byte. Every row begins with a new byte. */
function unpackSamples({ data, depth, width, height, channels }: DecodedPng): ArrayLike<number> {
  if (depth >= 8) return data
  const [perRow, perByte] = [width * channels, 8 / depth]
  const rowBytes = Math.ceil(perRow / perByte)
  return Uint8Array.from({ length: height * perRow }, (_, i) => {
    const [row, column] = [Math.floor(i / perRow), i % perRow]
    const shift = 8 - depth * ((column % perByte) + 1)
    return (data[row * rowBytes + Math.floor(column / perByte)]! >> shift) & (2 ** depth - 1)
  })
}

/** Lays a channel of a pixel over black. */
function composite(rgba: Uint8Array, pixel: number, channel: number): number {
  return Math.round((rgba[4 * pixel + channel]! * rgba[4 * pixel + 3]!) / 255)
}

function toRgb(rgba: Uint8Array): Uint8Array {
  return Uint8Array.from({ length: (rgba.length / 4) * 3 }, (_, i) => composite(rgba, Math.floor(i / 3), i % 3))
}

/** Pillow's L: (19595 R + 38470 G + 7471 B) / 2^16, rounded. */
function toGrey(rgba: Uint8Array): Uint8Array {
  return Uint8Array.from({ length: rgba.length / 4 }, (_, pixel) => {
    const [red, green] = [composite(rgba, pixel, 0), composite(rgba, pixel, 1)]
    return (19595 * red + 38470 * green + 7471 * composite(rgba, pixel, 2) + 0x8000) >> 16
  })
}
