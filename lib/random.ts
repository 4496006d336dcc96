/**
 * Random numbers on the host: Philox 4x32-10, counter-based, the same words as the devices' kernels draw.
 *
 * Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
 */
import { OptionError } from './errors.js'
import { describe } from './ops/check.js'

// Read once: in Node's vm contexts each use of a global is slow.
const { floor, imul } = Math

const multipliers = [0xd2511f53, 0xcd9e8d57] as const
const increments = [0x9e3779b9, 0xbb67ae85] as const
const rounds = 10

/** The last word of the counter on the host. Dropout has the high word of a sample's index there, below 2^21. */
const hostStream = 0xffffffff

/** The high 32 bits of the product of two 32-bit words. Each partial product has at most 49 bits, so it is exact. */
function multiplyHigh(a: number, b: number): number {
  const low = a * (b & 0xffff)
  return floor((a * (b >>> 16) + floor(low / 0x10000)) / 0x10000)
}

/**
 * Four independent random words for a counter and a key.
 *
 * @param words the counter, four 32-bit words; it is overwritten with the result
 * @param keyLow, keyHigh the key, two 32-bit words
 */
export function philox4x32(words: Uint32Array, keyLow: number, keyHigh: number): void {
  let [c0, c1, c2, c3] = words as unknown as [number, number, number, number]
  let [k0, k1] = [keyLow, keyHigh]
  for (let round = 0; round < rounds; round++) {
    const high0 = multiplyHigh(multipliers[0], c0)
    const high1 = multiplyHigh(multipliers[1], c2)
    const low0 = imul(multipliers[0], c0) >>> 0
    const low1 = imul(multipliers[1], c2) >>> 0
    c0 = (high1 ^ c1 ^ k0) >>> 0
    c1 = low1
    c2 = (high0 ^ c3 ^ k1) >>> 0
    c3 = low0
    k0 = (k0 + increments[0]) >>> 0
    k1 = (k1 + increments[1]) >>> 0
  }
  words[0] = c0
  words[1] = c1
  words[2] = c2
  words[3] = c3
}

/**
 * A stream of random numbers. Two streams differ if their seeds or their uses do.
 *
 * Block b of a stream is Philox of the key {seed low, seed high} and the counter {b low, use, b high, 2^32 - 1}, each a
 * 32-bit word. The last word keeps the streams apart from those of `dropout`, which has a sample's index there.
 */
export class Random {
  readonly #key: readonly [number, number]
  readonly #use: number
  readonly #words = new Uint32Array(4)
  #block = 0
  #position = 4
  #spareNormal: number | undefined

  /**
   * @param seed an integer in [0, 2^53)
   * @param use an integer in [0, 2^32), such as the index of a parameter
   * @throws OptionError
   */
  constructor(seed: number, use = 0) {
    if (!Number.isSafeInteger(seed) || seed < 0) {
      throw new OptionError(`Random: seed must be an integer in [0, 2^53); received ${describe(seed)}`)
    }
    if (!Number.isInteger(use) || use < 0 || use >= 2 ** 32) {
      throw new OptionError(`Random: use must be an integer in [0, 2^32); received ${describe(use)}`)
    }
    this.#key = [seed >>> 0, floor(seed / 2 ** 32)]
    this.#use = use
  }

  /** A whole number, uniform in [0, 2^32). */
  uint32(): number {
    if (this.#position === 4) {
      this.#words[0] = this.#block
      this.#words[1] = this.#use
      this.#words[2] = floor(this.#block / 2 ** 32)
      this.#words[3] = hostStream
      philox4x32(this.#words, ...this.#key)
      this.#block++
      this.#position = 0
    }
    return this.#words[this.#position++]!
  }

  /** A multiple of 2^-24, uniform in [0, 1): float32 holds it exactly, so no rounding makes it 1. */
  float(): number {
    return (this.uint32() >>> 8) / 2 ** 24
  }

  /** Standard normal. Box and Muller, "A note on the generation of random normal deviates", 1958. */
  normal(): number {
    const spare = this.#spareNormal
    if (spare !== undefined) {
      this.#spareNormal = undefined
      return spare
    }
    const radius = Math.sqrt(-2 * Math.log((this.uint32() + 1) / 2 ** 32))
    const angle = 2 * Math.PI * (this.uint32() / 2 ** 32)
    this.#spareNormal = radius * Math.sin(angle)
    return radius * Math.cos(angle)
  }

  /** The numbers from 0 to count - 1 in random order, each order as likely as any other (Fisher and Yates). */
  permutation(count: number): Int32Array {
    if (!Number.isInteger(count) || count < 0 || count > 2 ** 31) {
      throw new OptionError(`Random.permutation: count must be an integer in [0, 2^31]; received ${describe(count)}`)
    }
    const order = Int32Array.from({ length: count }, (_, i) => i)
    for (let last = count - 1; last > 0; last--) {
      const other = this.#below(last + 1)
      const value = order[last]!
      order[last] = order[other]!
      order[other] = value
    }
    return order
  }

  /** Uniform in [0, bound): words beyond the last whole multiple of `bound` are drawn again. */
  #below(bound: number): number {
    const limit = 2 ** 32 - (2 ** 32 % bound)
    let word = this.uint32()
    while (word >= limit) word = this.uint32()
    return word % bound
  }
}
