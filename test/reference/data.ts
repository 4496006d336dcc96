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
 * Distinct numbers in a random order, about evenly spread over (-1/2, 1), at least 1 / count apart and 1 / (16 count)
 * from zero: away from the kinks of max pooling and ReLU, and with a mean above zero, so that no sum is all
 * cancellation.
 */
export function spreadData(shape: readonly number[], seed: number, stream: number): RefTensor {
  const count = elementCount(shape)
  const order = Array.from(randomWords(count, seed, stream), (word, e) => ({ word, e }))
  order.sort((a, b) => a.word - b.word || a.e - b.e)
  // Off the even grid, on which sums of products would often be zero.
  const shifts = Array.from(randomWords(count, seed, stream + 2 ** 32), (word) => (word / 2 ** 32 - 0.5) / 4)
  return tensor(
    order.map(({ e }, i) => (1.5 * (e + 0.5 + shifts[i]!)) / count - 0.5),
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
