import { requireOptions } from '../check.js'
import { DTypeError, DataError, OptionError, ShapeError } from '../errors.js'
import { className } from '../layout.js'
import { describe, describeShape, type Size2d } from '../ops/check.js'
import { createDataset, type Dataset, type Normalization } from './dataset.js'

/** Typed arrays of integers. */
type IntegerArray = Uint8Array | Uint8ClampedArray | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array

export interface FromArraysOptions {
  /** One byte, 0 to 255, per channel of a pixel. */
  readonly images: Uint8Array | Uint8ClampedArray
  /** [count, height, width], or with 1 or 3 channels [count, height, width, channels]. */
  readonly shape: readonly number[]
  /** For each image the index of its class. */
  readonly labels: IntegerArray | readonly number[]
  /** The names of the classes, or how many there are. Default: as many as the largest label asks for. */
  readonly classes?: readonly string[] | number
  /** Where the channels stand in `shape` and in memory. Default: `nhwc`. `nchw` is copied into that order. */
  readonly layout?: 'nhwc' | 'nchw'
  /** Height and width in pixels to which the device resizes, or one size for both. */
  readonly resize?: Size2d
  /** Per channel, for values in [0, 1]. */
  readonly normalize?: Normalization
}

/**
 * A data set of what is in memory. In the `nhwc` layout the images are not copied, so don't change them afterwards.
 *
 * @example
 * data.fromArrays({ images: new Uint8Array(100 * 32 * 32 * 3), shape: [100, 32, 32, 3], labels: new Uint8Array(100) })
 *
 * @throws DTypeError if the images are not bytes or the labels are not integers; ShapeError if lengths do not fit the
 * shape; DataError if there are no images or a label is out of range; OptionError for other options
 */
export function fromArrays(options: FromArraysOptions): Dataset {
  requireOptions('fromArrays', options, ['images', 'shape', 'labels', 'classes', 'layout', 'resize', 'normalize'])
  const { layout = 'nhwc', resize, normalize } = options
  if (!['nhwc', 'nchw'].includes(layout)) {
    throw new OptionError(`fromArrays: layout must be "nhwc" or "nchw"; received ${describe(layout)}`)
  }
  const shape = readShape(options.shape, layout)
  const labels = toLabels(options.labels)
  const images = toBytes(options.images)
  const { count, channels, height, width } = shape
  if (images.length !== count * height * width * channels) {
    throw new ShapeError(
      `fromArrays: images must have ${count * height * width * channels} elements for shape ` +
        `${describeShape(options.shape)}; received ${images.length}`,
    )
  }
  const isPlanar = layout === 'nchw' && channels > 1
  return createDataset({
    images: isPlanar ? interleave(images, channels, height * width) : images,
    labels,
    shape,
    classes: classNames(options.classes, labels),
    resize,
    normalize,
  })
}

function readShape(shape: readonly number[], layout: 'nhwc' | 'nchw'): Dataset['shape'] {
  const given: unknown = shape
  const isSize = (size: unknown, i: number): boolean => Number.isSafeInteger(size) && (size as number) >= Math.min(i, 1)
  if (Array.isArray(given) && given.every(isSize)) {
    const [count, ...rest] = given as [number, ...number[]]
    const order = layout === 'nchw' ? [rest[1], rest[2], rest[0]] : rest
    const [height, width, channels] = rest.length === 2 ? [...rest, 1] : order
    if ((rest.length === 2 || rest.length === 3) && (channels === 1 || channels === 3)) {
      return { count, channels, height: height!, width: width! }
    }
  }
  const long = layout === 'nchw' ? '[count, channels, height, width]' : '[count, height, width, channels]'
  throw new ShapeError(
    `fromArrays: shape must be [count, height, width], or with 1 or 3 channels ${long}; received ${describe(given)}`,
  )
}

function toBytes(images: Uint8Array | Uint8ClampedArray): Uint8Array {
  const type = className(images)
  if (type === 'Uint8Array') return images as Uint8Array
  if (type === 'Uint8ClampedArray') return new Uint8Array(images.buffer, images.byteOffset, images.length)
  throw new DTypeError(
    `fromArrays: images must be a Uint8Array or Uint8ClampedArray of values from 0 to 255; received ${type}; ` +
      'convert values in [0, 1] with Uint8Array.from(images, (value) => Math.round(value * 255))',
  )
}

function toLabels(labels: IntegerArray | readonly number[]): Int32Array {
  const type = className(labels)
  if (type === 'Int32Array') return labels as Int32Array
  if (!/^(Array|Uint8ClampedArray|(Ui|I)nt(8|16|32)Array)$/.test(type)) {
    throw new DTypeError(`fromArrays: labels must be an array of integers, such as Int32Array; received ${type}`)
  }
  const wrong = Array.prototype.findIndex.call(labels, (label: unknown) => label !== ((label as number) | 0))
  if (wrong >= 0) {
    throw new DataError(
      `fromArrays: labels must be integers, each the index of a class; ` +
        `received ${describe(labels[wrong])} at index ${wrong}`,
    )
  }
  return Int32Array.from(labels)
}

function classNames(classes: readonly string[] | number | undefined, labels: Int32Array): readonly string[] {
  if (typeof classes === 'object') return classes
  const count = classes ?? labels.reduce((largest, label) => Math.max(largest, label), 0) + 1
  if (!Number.isInteger(count) || count < 1 || count > maxClasses) {
    throw new OptionError(
      `fromArrays: classes must be names or how many there are, 1 to ${maxClasses}; ` +
        `received ${classes === undefined ? `label ${count - 1}` : describe(classes)}`,
    )
  }
  return Array.from({ length: count }, (_, i) => String(i))
}

const maxClasses = 1_000_000

/** [count, channels, pixels] -> [count, pixels, channels] */
function interleave(images: Uint8Array, channels: number, pixels: number): Uint8Array {
  const result = new Uint8Array(images.length)
  for (let start = 0; start < images.length; start += channels * pixels) {
    for (let channel = 0; channel < channels; channel++) {
      for (let pixel = 0; pixel < pixels; pixel++) {
        result[start + pixel * channels + channel] = images[start + channel * pixels + pixel]!
      }
    }
  }
  return result
}
