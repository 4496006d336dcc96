import { DTypeError, DataError, OptionError, ShapeError } from '../errors.js'
import { requireInteger, requireOptions } from '../check.js'
import { className } from '../layout.js'
import { describe, pair, type Size2d } from '../ops/check.js'

/** How many images there are and how large each is, in pixels. */
export interface DatasetShape {
  readonly count: number
  readonly channels: number
  readonly height: number
  readonly width: number
}

/** Per channel: a value v in [0, 1] becomes (v - mean) / std. */
export interface Normalization {
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/** Labelled images as a trainer takes them: pure data, frozen (the arrays' elements are not to be changed either). */
export interface Dataset {
  /** One byte per channel of a pixel, [count, height, width, channels]. */
  readonly images: Uint8Array
  /** For each image the index of its class. */
  readonly labels: Int32Array
  readonly shape: DatasetShape
  /** The names of the classes. */
  readonly classes: readonly string[]
  /** The height and width in pixels to which the device resizes (bilinear, as Pillow); absent: the images' own. */
  readonly resize?: readonly [number, number]
  /** How the device normalises values that are scaled to [0, 1]; absent: not at all. */
  readonly normalize?: Normalization
}

/** A data set's parts before they are checked. */
export interface DatasetParts extends Omit<Dataset, 'resize' | 'normalize'> {
  /** Height and width in pixels, or one size for both. */
  readonly resize?: Size2d | undefined
  readonly normalize?: Normalization | undefined
}

/**
 * Checks the parts of a data set and freezes it. The arrays are not copied.
 *
 * @throws ShapeError if lengths do not fit; DTypeError if an array is of another type; DataError if there are no images
 * or a label is out of range; OptionError if `classes`, `resize` or `normalize` is wrong
 */
export function createDataset(parts: DatasetParts): Dataset {
  const { images, labels, shape, classes, resize, normalize } = parts
  requireType('images', images, 'Uint8Array')
  requireType('labels', labels, 'Int32Array')
  for (const name of ['count', 'channels', 'height', 'width'] as const) {
    requireInteger('Dataset', `shape.${name}`, shape[name], name === 'count' ? 0 : 1)
  }
  const { count, channels, height, width } = shape
  if (count === 0) throw new DataError('Dataset: expected at least one image; received none')
  requireLength('images', images.length, count * height * width * channels, `${count}x${height}x${width}x${channels}`)
  requireLength('labels', labels.length, count, 'one per image')
  requireClasses(classes)
  const wrong = labels.findIndex((label) => label < 0 || label >= classes.length)
  if (wrong >= 0) {
    throw new DataError(
      `Dataset: labels must be in [0, ${classes.length}), one for each of the classes; ` +
        `received ${labels[wrong]} at index ${wrong}`,
    )
  }
  if (normalize !== undefined) requireNormalization(normalize, channels)
  return Object.freeze({
    images,
    labels,
    shape: Object.freeze({ count, channels, height, width }),
    classes: Object.freeze([...classes]),
    ...(resize === undefined ? {} : { resize: Object.freeze(pair('Dataset', 'resize', resize, 1)) }),
    ...(normalize === undefined ? {} : { normalize: freezeNormalization(normalize) }),
  })
}

/**
 * The same images, resized on the device. No pixel is touched here.
 *
 * @param size height and width in pixels, or one size for both
 * @throws OptionError
 */
export function withResize(dataset: Dataset, size: Size2d): Dataset {
  return createDataset({ ...dataset, resize: size })
}

/**
 * The same images, normalised on the device: (v - mean) / std per channel for v in [0, 1].
 *
 * @throws OptionError
 */
export function withNormalization(dataset: Dataset, normalize: Normalization): Dataset {
  return createDataset({ ...dataset, normalize })
}

/**
 * The first `count` images, or all if there are fewer. The arrays are shared, not copied.
 *
 * @throws OptionError if `count` is not an integer >= 1
 */
export function limit(dataset: Dataset, count: number): Dataset {
  const { images, labels, shape } = dataset
  const kept = Math.min(requireInteger('limit', 'count', count, 1), shape.count)
  return createDataset({
    ...dataset,
    images: images.subarray(0, kept * shape.height * shape.width * shape.channels),
    labels: labels.subarray(0, kept),
    shape: { ...shape, count: kept },
  })
}

function requireType(name: string, value: unknown, type: string): void {
  if (className(value) === type) return
  throw new DTypeError(`Dataset: ${name} must be ${type}; received ${className(value)}; see data.fromArrays`)
}

function requireLength(name: string, received: number, expected: number, meaning: string): void {
  if (received === expected) return
  throw new ShapeError(`Dataset: ${name} must have ${expected} elements (${meaning}); received ${received}`)
}

function requireClasses(classes: readonly string[]): void {
  const given: unknown = classes
  if (Array.isArray(given) && given.length > 0 && given.every((name) => typeof name === 'string')) return
  throw new OptionError(`Dataset: classes must be at least one name; received ${describe(given)}`)
}

function requireNormalization(normalize: Normalization, channels: number): void {
  requireOptions('Dataset: normalize', normalize, ['mean', 'std'])
  for (const name of ['mean', 'std'] as const) {
    const given: unknown = normalize[name]
    const isRight = (value: unknown): boolean => Number.isFinite(value) && (name === 'mean' || (value as number) > 0)
    if (Array.isArray(given) && given.length === channels && given.every(isRight)) continue
    const range = name === 'mean' ? 'finite' : 'finite and > 0'
    throw new OptionError(
      `Dataset: normalize.${name} must be an array of ${channels}, one per channel, ${range}; ` +
        `received ${describe(given)}`,
    )
  }
}

function freezeNormalization({ mean, std }: Normalization): Normalization {
  return Object.freeze({ mean: Object.freeze([...mean]), std: Object.freeze([...std]) })
}
