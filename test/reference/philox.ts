/**
 * Philox 4x32-10, a counter-based random number generator: J. Salmon et al., "Parallel random numbers: as easy as
 * 1, 2, 3", SC 2011; the constants are those of its reference implementation, Random123.
 */

/** Four 32-bit words. */
export type Words4 = readonly [number, number, number, number]

/** The four random words of a counter under a key. */
export function philox4x32(counter: Words4, key: readonly [number, number]): Words4 {
  let [c0, c1, c2, c3] = counter
  let [k0, k1] = key
  for (let round = 0; round < 10; round++) {
    const [high0, low0] = multiply(0xd2511f53, c0)
    const [high1, low1] = multiply(0xcd9e8d57, c2)
    ;[c0, c1, c2, c3] = [(high1 ^ c1 ^ k0) >>> 0, low1, (high0 ^ c3 ^ k1) >>> 0, low0]
    k0 = (k0 + 0x9e3779b9) >>> 0
    k1 = (k1 + 0xbb67ae85) >>> 0
  }
  return [c0, c1, c2, c3]
}

/** The low and the high 32 bits of a whole number below 2^53. */
export const lowHigh = (value: number): readonly [number, number] => [value >>> 0, Math.floor(value / 2 ** 32) >>> 0]

/** The high and the low 32 bits of a product of two 32-bit words. */
function multiply(a: number, b: number): readonly [number, number] {
  const bHigh = b >>> 16
  const bLow = b & 0xffff
  // Each partial product has at most 48 bits, so it is exact.
  const low = a * bLow
  const middle = a * bHigh + Math.floor(low / 2 ** 16)
  return [Math.floor(middle / 2 ** 16) >>> 0, Math.imul(a, b) >>> 0]
}
