import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  createDataset,
  fromArrays,
  limit,
  withNormalization,
  withResize,
  type DatasetParts,
} from '../../lib/data/index.js'
import type { FromArraysOptions } from '../../lib/data/index.js'
import { DTypeError, DataError, OptionError, ShapeError } from '../../lib/errors.js'

/** Options of which some are wrong on purpose. */
type Wrong<T> = { readonly [K in keyof T]?: unknown }

const parts: DatasetParts = {
  images: Uint8Array.from({ length: 3 * 2 * 4 }, (_, i) => i),
  labels: Int32Array.of(1, 0, 1),
  shape: { count: 3, channels: 1, height: 2, width: 4 },
  classes: ['cat', 'dog'],
}

describe('createDataset', () => {
  test('keeps the parts and freezes them', () => {
    const dataset = createDataset({ ...parts, resize: 96, normalize: { mean: [0.5], std: [0.25] } })
    expect(dataset).toEqual({ ...parts, resize: [96, 96], normalize: { mean: [0.5], std: [0.25] } })
    expect(dataset.images).toBe(parts.images)
    for (const part of [
      dataset,
      dataset.shape,
      dataset.classes,
      dataset.resize,
      dataset.normalize,
      dataset.normalize?.std,
    ]) {
      expect(Object.isFrozen(part)).toBe(true)
    }
    expect(Object.keys(createDataset(parts))).toEqual(['images', 'labels', 'shape', 'classes'])
  })

  test.each<[string, Wrong<DatasetParts>, new (...args: never[]) => Error, RegExp]>([
    [
      'images of another type',
      { images: new Float32Array(24) },
      DTypeError,
      /images must be Uint8Array; received Float32Array/,
    ],
    ['labels of another type', { labels: [1, 0, 1] }, DTypeError, /labels must be Int32Array; received Array/],
    [
      'an image too few',
      { images: new Uint8Array(23) },
      ShapeError,
      /images must have 24 elements \(3x2x4x1\); received 23/,
    ],
    [
      'a label too many',
      { labels: new Int32Array(4) },
      ShapeError,
      /labels must have 3 elements \(one per image\); received 4/,
    ],
    ['a label too large', { labels: Int32Array.of(0, 2, 0) }, DataError, /in \[0, 2\).*received 2 at index 1/],
    ['a label below zero', { labels: Int32Array.of(0, 0, -1) }, DataError, /received -1 at index 2/],
    [
      'no images',
      { images: new Uint8Array(), labels: new Int32Array(), shape: { ...parts.shape, count: 0 } },
      DataError,
      /at least one image/,
    ],
    [
      'a size of zero',
      { shape: { ...parts.shape, width: 0 } },
      OptionError,
      /shape.width must be an integer >= 1; received 0/,
    ],
    ['no classes', { classes: [] }, OptionError, /classes must be at least one name/],
    ['a class that is no text', { classes: ['cat', 2] }, OptionError, /classes/],
    ['a resize of zero', { resize: 0 }, OptionError, /resize must be an integer >= 1.*received 0/],
    ['a resize of three numbers', { resize: [1, 2, 3] }, OptionError, /resize.*received \[1, 2, 3\]/],
    ['a std of zero', { normalize: { mean: [0], std: [0] } }, OptionError, /normalize.std.*> 0; received \[0\]/],
    ['a mean that is NaN', { normalize: { mean: [NaN], std: [1] } }, OptionError, /normalize.mean.*received \[NaN\]/],
    ['a mean too many', { normalize: { mean: [0, 0], std: [1] } }, OptionError, /normalize.mean must be an array of 1/],
  ])('refuses %s', (_, wrong, errorClass, message) => {
    const create = (): unknown => createDataset({ ...parts, ...wrong } as DatasetParts)
    expect(create).toThrow(errorClass)
    expect(create).toThrow(message)
  })
})

describe('what is derived', () => {
  const dataset = createDataset(parts)

  test('withResize and withNormalization touch nothing else', () => {
    expect(withResize(dataset, [7, 5])).toEqual({ ...dataset, resize: [7, 5] })
    expect(withResize(dataset, [7, 5]).images).toBe(dataset.images)
    const normalize = { mean: [0.1], std: [2] }
    expect(withNormalization(withResize(dataset, 3), normalize)).toEqual({ ...dataset, resize: [3, 3], normalize })
    expect(() => withResize(dataset, -1)).toThrow(OptionError)
  })

  test('limit keeps the first images and their labels, and shares memory', () => {
    const two = limit(withResize(dataset, 3), 2)
    expect(two.shape).toEqual({ ...parts.shape, count: 2 })
    expect([...two.images]).toEqual([...parts.images.subarray(0, 16)])
    expect([...two.labels]).toEqual([1, 0])
    expect(two.resize).toEqual([3, 3])
    expect(two.images.buffer).toBe(parts.images.buffer)
    expect(limit(dataset, 1000)).toEqual(dataset)
    for (const count of [0, -1, 1.5, NaN]) expect(() => limit(dataset, count)).toThrow(OptionError)
  })
})

describe('fromArrays', () => {
  test('takes [n, h, w] and [n, h, w, 1] as one channel, and [n, h, w, 3] as three', () => {
    const images = Uint8Array.from({ length: 24 }, (_, i) => i)
    expect(fromArrays({ images, shape: [2, 3, 4], labels: [0, 1] }).shape).toEqual({
      count: 2,
      channels: 1,
      height: 3,
      width: 4,
    })
    expect(fromArrays({ images, shape: [2, 3, 4, 1], labels: [0, 1] }).shape.channels).toBe(1)
    expect(fromArrays({ images, shape: [2, 2, 2, 3], labels: [0, 1] })).toEqual({
      images,
      labels: Int32Array.of(0, 1),
      shape: { count: 2, channels: 3, height: 2, width: 2 },
      classes: ['0', '1'],
    })
  })

  test('copies nothing but planes of colour', () => {
    const images = new Uint8ClampedArray(24)
    expect(fromArrays({ images, shape: [2, 3, 4], labels: [0, 1] }).images.buffer).toBe(images.buffer)
    expect(fromArrays({ images, shape: [2, 1, 3, 4], labels: [0, 1], layout: 'nchw' }).images.buffer).toBe(
      images.buffer,
    )
  })

  test('turns nchw to nhwc', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.nat(6), fc.nat(6), (count, dh, dw) => {
        const [height, width, channels] = [dh + 1, dw + 1, 3]
        const images = Uint8Array.from({ length: count * height * width * channels }, (_, i) => i * 7)
        const dataset = fromArrays({
          images,
          shape: [count, channels, height, width],
          labels: new Uint8Array(count),
          layout: 'nchw',
        })
        const { images: result, shape } = dataset
        expect(shape).toEqual({ count, channels, height, width })
        for (let n = 0; n < count; n++)
          for (let c = 0; c < channels; c++)
            for (let y = 0; y < height; y++)
              for (let x = 0; x < width; x++) {
                const from = ((n * channels + c) * height + y) * width + x
                expect(result[((n * height + y) * width + x) * channels + c]).toBe(images[from])
              }
      }),
      { numRuns: 30 },
    )
  })

  test('names the classes, or counts them', () => {
    const base = { images: new Uint8Array(2), shape: [2, 1, 1], labels: Int8Array.of(2, 0) }
    expect(fromArrays(base).classes).toEqual(['0', '1', '2'])
    expect(fromArrays({ ...base, classes: 5 }).classes).toEqual(['0', '1', '2', '3', '4'])
    expect(fromArrays({ ...base, classes: ['a', 'b', 'c'] }).classes).toEqual(['a', 'b', 'c'])
    expect(() => fromArrays({ ...base, classes: 2 })).toThrow(DataError)
    expect(() => fromArrays({ ...base, classes: ['a', 'b'] })).toThrow(/in \[0, 2\).*received 2 at index 0/)
  })

  test.each([
    new Uint8Array([1, 0]),
    new Uint8ClampedArray([1, 0]),
    new Int8Array([1, 0]),
    new Uint16Array([1, 0]),
    new Int16Array([1, 0]),
    new Uint32Array([1, 0]),
    new Int32Array([1, 0]),
    [1, 0],
  ])('takes labels as %o', (labels) => {
    expect(fromArrays({ images: new Uint8Array(2), shape: [2, 1, 1], labels }).labels).toEqual(Int32Array.of(1, 0))
  })

  test.each<[string, Wrong<FromArraysOptions>, new (...args: never[]) => Error, RegExp]>([
    [
      'floats',
      { images: new Float32Array(8) },
      DTypeError,
      /received Float32Array; convert .*Math.round\(value \* 255\)/,
    ],
    ['an array of numbers', { images: [1, 2] }, DTypeError, /images must be a Uint8Array.*received Array/],
    ['nothing', { images: undefined }, DTypeError, /received Undefined/],
    ['two dimensions', { shape: [2, 4] }, ShapeError, /shape must be \[count, height, width\].*received \[2, 4\]/],
    ['two channels', { shape: [2, 1, 2, 2] }, ShapeError, /with 1 or 3 channels \[count, height, width, channels\]/],
    ['planes in nhwc', { shape: [2, 3, 1, 4] }, ShapeError, /1 or 3 channels/],
    ['a size that is no integer', { shape: [2, 2, 2.5] }, ShapeError, /received \[2, 2, 2.5\]/],
    ['no shape', { shape: undefined }, ShapeError, /received undefined/],
    [
      'an image too many',
      { images: new Uint8Array(12) },
      ShapeError,
      /must have 8 elements for shape \[2, 2, 2\]; received 12/,
    ],
    ['a label too few', { labels: [0] }, ShapeError, /labels must have 2 elements/],
    ['a label that is no integer', { labels: [0, 0.5] }, DataError, /received 0.5 at index 1/],
    ['a label that is too large for 32 bits', { labels: [0, 2 ** 32] }, DataError, /received 4294967296 at index 1/],
    ['a label below zero', { labels: [-1, 0] }, DataError, /received -1 at index 0/],
    [
      'labels of floats',
      { labels: new Float32Array(2) },
      DTypeError,
      /labels must be an array of integers.*Float32Array/,
    ],
    ['labels that are text', { labels: '01' }, DTypeError, /received String/],
    [
      'an absurd label',
      { labels: [0, 2e9] },
      OptionError,
      /classes must be .* 1 to 1000000; received label 2000000000/,
    ],
    ['classes that are neither', { classes: 'ab' }, OptionError, /classes must be names or how many/],
    ['no images at all', { images: new Uint8Array(), shape: [0, 2, 2], labels: [] }, DataError, /at least one image/],
    ['another layout', { layout: 'hwcn' }, OptionError, /"nhwc" or "nchw"; received "hwcn"/],
    ['a misspelt option', { label: [] } as object, OptionError, /there is no option label/],
  ])('refuses %s', (_, wrong, errorClass, message) => {
    const base = { images: new Uint8Array(8), shape: [2, 2, 2], labels: [0, 1] }
    const create = (): unknown => fromArrays({ ...base, ...wrong } as FromArraysOptions)
    expect(create).toThrow(errorClass)
    expect(create).toThrow(message)
  })
})
