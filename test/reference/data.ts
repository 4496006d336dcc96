/** Test data: repeatable, and such that the rounding of a computation is known beforehand. */
import { lowHigh, philox4x32 } from './philox.js'
import { elementCount, tensor, type RefTensor } from './tensor.js'

/** Random words, the same for the same seed and stream. */
export function randomWords(count: number, seed: number, stream: number): Uint32Array {
  const words = new Uint32Array(count)
  for (let e = 0; e < count; e += 4) {
    philox4x32([e / 4, 0, ...lowHigh(stream)], lowHigh(seed)).forEach((word, i) => {
      if (e + i < count) words[e + i] = word
    })
  }
  return words
}

/**
 * Distinct numbers in a random order, evenly spread over (-1/2, 1) and never closer than 1 / (4 count) to zero: away
 * from the kinks of ReLU and max pooling, and with a mean above zero, so that no sum is all cancellation.
 */
export function spreadData(shape: readonly number[], seed: number, stream: number): RefTensor {
  const count = elementCount(shape)
  const order = Array.from(randomWords(count, seed, stream), (word, e) => ({ word, e }))
  order.sort((a, b) => a.word - b.word || a.e - b.e)
  return tensor(
    order.map(({ e }) => (1.5 * (e + 0.5)) / count - 0.5),
    shape,
  )
}

/** Whole numbers from -3 to 3 times `unit`: sums of fewer than 2^24 / 9 products of two are exact in float32. */
export function integerData(shape: readonly number[], seed: number, stream: number, unit = 1): RefTensor {
  return tensor(
    Array.from(randomWords(elementCount(shape), seed, stream), (word) => ((word % 7) - 3) * unit),
    shape,
  )
}

/** Class labels [count], each below `classes`. */
export const labelData = (count: number, classes: number, seed: number, stream: number): Int32Array =>
  Int32Array.from(randomWords(count, seed, stream), (word) => word % classes)

/** The nearest float32. */
export const roundToFloat32 = Math.fround

/** The nearest bfloat16, ties to even: the upper half of a float32. */
export function roundToBfloat16(value: number): number {
  const view = new DataView(new ArrayBuffer(4))
  view.setFloat32(0, value)
  const bits = view.getUint32(0)
  view.setUint32(0, Math.floor((bits + 0x7fff + ((bits >>> 16) & 1)) / 2 ** 16) << 16)
  return view.getFloat32(0)
}
