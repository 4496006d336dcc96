import { lowHigh, philox4x32 } from './philox.js'
import { map, type RefTensor } from './tensor.js'

export interface DropoutOptions {
  /** The probability that an element becomes zero. */
  readonly p: number
  readonly seed: number
  /** Which of the dropouts of a network this is. */
  readonly use: number
  /** The number, in the whole run, of the first sample of x. */
  readonly firstSample: number
}

/**
 * Element e of sample s is kept, times 1 / (1 - p), if word e % 4 of Philox 4x32-10 of counter
 * {e / 4, use, s low, s high} under key {seed low, seed high} is at least p 2^32. Its backward is itself on dy.
 */
export function dropout(x: RefTensor, { p, seed, use, firstSample }: DropoutOptions): RefTensor {
  const perSample = x.data.length / x.shape[0]!
  const groups = Array.from({ length: Math.ceil(perSample / 4) }, (_, group) => group)
  const words = Array.from({ length: x.shape[0]! }, (_, n) =>
    groups.flatMap((group) => philox4x32([group, use, ...lowHigh(firstSample + n)], lowHigh(seed))),
  )
  return map(x, (value, e) => {
    const word = words[Math.floor(e / perSample)]![memoryIndex(x.shape, e % perSample)]!
    return word >= p * 2 ** 32 ? value / (1 - p) : 0
  })
}

/** Where an element of a sample lies in memory: channels-last for images, as it is for all else. */
function memoryIndex([, C, H, W]: readonly number[], element: number): number {
  if (C === undefined || H === undefined || W === undefined) return element
  const plane = H * W
  return (element % plane) * C + Math.floor(element / plane)
}
