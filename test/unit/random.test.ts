import { describe, expect, test } from '@jest/globals'
import { OptionError } from '../../lib/errors.js'
import { philox4x32, Random } from '../../lib/random.js'
import { philox4x32 as reference } from '../reference/philox.js'

const words = (hex: string): number[] => hex.split(' ').map((word) => parseInt(word, 16))

describe('philox4x32', () => {
  // The known answers of Random123 1.14, tests/kat_vectors, philox4x32 10.
  test.each([
    ['00000000 00000000 00000000 00000000', '00000000 00000000', '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
    ['ffffffff ffffffff ffffffff ffffffff', 'ffffffff ffffffff', '408f276d 41c83b0e a20bc7c6 6d5451fd'],
    ['243f6a88 85a308d3 13198a2e 03707344', 'a4093822 299f31d0', 'd16cfe09 94fdcceb 5001e420 24126ea1'],
  ])('counter %s, key %s', (counter, key, answer) => {
    const state = Uint32Array.from(words(counter))
    philox4x32(state, ...(words(key) as [number, number]))
    expect([...state]).toEqual(words(answer))
  })
})

describe('Random', () => {
  test('draws the words of its documented counters and key, in order', () => {
    const seed = 2 ** 40 + 12345
    const random = new Random(seed, 7)
    const drawn = Array.from({ length: 12 }, () => random.uint32())
    const key = [12345, 2 ** 8] as const
    expect(drawn).toEqual([0, 1, 2].flatMap((block) => [...reference([block, 7, 0, 0xffffffff], key)]))
  })

  test('is the same for the same seed and use, and another for another', () => {
    const draw = (seed: number, use?: number): number[] => {
      const random = new Random(seed, use)
      return Array.from({ length: 8 }, () => random.uint32())
    }
    expect(draw(3, 1)).toEqual(draw(3, 1))
    expect(draw(3)).toEqual(draw(3, 0))
    const streams = [draw(3, 1), draw(3, 2), draw(4, 1), draw(2 ** 32 + 3, 1), draw(2 ** 53 - 1, 2 ** 32 - 1)]
    expect(new Set(streams.map(String)).size).toBe(streams.length)
  })

  test('float is uniform in [0, 1), also as float32', () => {
    const random = new Random(1)
    const values = Float32Array.from({ length: 100_000 }, () => random.float())
    expect(values.every((value) => value >= 0 && value < 1)).toBe(true)
    const counts = new Array<number>(10).fill(0)
    for (const value of values) counts[Math.floor(value * 10)]!++
    // Chi-squared with 9 degrees of freedom: 27.9 is the 99.9th percentile.
    expect(counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0)).toBeLessThan(27.9)
  })

  test('normal has the moments of the standard normal distribution', () => {
    const random = new Random(2)
    const values = Float64Array.from({ length: 200_000 }, () => random.normal())
    const moment = (power: number): number => values.reduce((sum, value) => sum + value ** power, 0) / values.length
    // Five standard errors of each.
    expect(Math.abs(moment(1))).toBeLessThan(5 * Math.sqrt(1 / values.length))
    expect(Math.abs(moment(2) - 1)).toBeLessThan(5 * Math.sqrt(2 / values.length))
    expect(Math.abs(moment(3))).toBeLessThan(5 * Math.sqrt(15 / values.length))
    expect(Math.abs(moment(4) - 3)).toBeLessThan(5 * Math.sqrt(96 / values.length))
  })

  test('normal is Box-Muller of two words, the cosine first', () => {
    const source = new Random(5)
    const [a, b] = [source.uint32(), source.uint32()]
    const radius = Math.sqrt(-2 * Math.log((a + 1) / 2 ** 32))
    const random = new Random(5)
    expect(random.normal()).toBe(radius * Math.cos((2 * Math.PI * b) / 2 ** 32))
    expect(random.normal()).toBe(radius * Math.sin((2 * Math.PI * b) / 2 ** 32))
    expect(random.uint32()).toBe(source.uint32())
  })

  test('permutation holds every number once', () => {
    const order = new Random(3).permutation(60_000)
    expect(order).toHaveLength(60_000)
    expect([...order].sort((a, b) => a - b)).toEqual([...order.keys()])
    expect(order.filter((value, i) => value === i).length).toBeLessThan(12)
    expect([...new Random(3).permutation(0)]).toEqual([])
    expect([...new Random(3).permutation(1)]).toEqual([0])
  })

  test('all permutations are equally likely', () => {
    const random = new Random(4)
    const counts = new Map<string, number>()
    for (let i = 0; i < 24_000; i++) {
      const order = random.permutation(4).join('')
      counts.set(order, (counts.get(order) ?? 0) + 1)
    }
    expect(counts.size).toBe(24)
    // Chi-squared with 23 degrees of freedom: 49.7 is the 99.9th percentile.
    const deviation = [...counts.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0)
    expect(deviation).toBeLessThan(49.7)
  })

  test.each([-1, 0.5, NaN, 2 ** 53, '1' as unknown as number])('refuses the seed %p', (seed) => {
    expect(() => new Random(seed)).toThrow(OptionError)
    expect(() => new Random(seed)).toThrow(/seed must be an integer in \[0, 2\^53\); received/)
  })

  test.each([-1, 0.5, NaN, 2 ** 32])('refuses the use %p', (use) => {
    expect(() => new Random(0, use)).toThrow(/use must be an integer in \[0, 2\^32\); received/)
  })

  test.each([-1, 0.5, NaN, 2 ** 32])('refuses a permutation of %p', (count) => {
    expect(() => new Random(0).permutation(count)).toThrow(OptionError)
  })
})
