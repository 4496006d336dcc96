import { describe, expect, test } from '@jest/globals'
import { OptionError, ShapeError } from '../../lib/errors.js'
import * as init from '../../lib/init/index.js'
import { Random } from '../../lib/random.js'

const draw = (initializer: init.Initializer, shape: readonly number[], seed = 1): Float32Array =>
  initializer(shape, new Random(seed))

const deviation = (values: Float32Array): number =>
  Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length)

const largest = (values: Float32Array): number => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)

test('fans are channels times the kernel', () => {
  expect(init.fans([96, 3, 11, 5])).toEqual({ fanIn: 165, fanOut: 5280 })
  expect(init.fans([10, 4])).toEqual({ fanIn: 4, fanOut: 10 })
  expect(() => init.fans([10])).toThrow(ShapeError)
})

describe('random initializers', () => {
  const shape = [64, 32, 5, 5] // fanIn 800, fanOut 1600
  // Half a percent is more than three standard errors of 51,200 values' deviation.
  const near = (value: number): unknown => expect.closeTo(value, -Math.log10(value * 0.01))

  test.each([
    ['xavierUniform()', init.xavierUniform(), Math.sqrt(6 / 2400)],
    ['xavierUniform({ gain: 2 })', init.xavierUniform({ gain: 2 }), 2 * Math.sqrt(6 / 2400)],
    ['kaimingUniform()', init.kaimingUniform(), Math.sqrt(6 / 800)],
    ['kaimingUniform({ a: sqrt(5) })', init.kaimingUniform({ a: Math.sqrt(5) }), 1 / Math.sqrt(800)],
    ["kaimingUniform({ mode: 'fanOut' })", init.kaimingUniform({ mode: 'fanOut' }), Math.sqrt(6 / 1600)],
    ['uniform(-2, 2)', init.uniform(-2, 2), 2],
  ])('%s is uniform within its bound', (_, initializer, bound) => {
    const values = draw(initializer, shape)
    expect(largest(values)).toBeLessThanOrEqual(Math.fround(bound))
    expect(largest(values)).toBeGreaterThan(0.999 * bound)
    expect(deviation(values)).toEqual(near(bound / Math.sqrt(3)))
  })

  test.each([
    ['kaimingNormal()', init.kaimingNormal(), Math.sqrt(2 / 800)],
    ['kaimingNormal({ a: 1 })', init.kaimingNormal({ a: 1 }), Math.sqrt(1 / 800)],
    ["kaimingNormal({ mode: 'fanOut' })", init.kaimingNormal({ mode: 'fanOut' }), Math.sqrt(2 / 1600)],
    ['normal(0, 3)', init.normal(0, 3), 3],
  ])('%s is normal with its deviation', (_, initializer, expected) => {
    const values = draw(initializer, shape)
    expect(deviation(values)).toEqual(near(expected))
    expect(largest(values)).toBeGreaterThan(3 * expected)
    const within = values.filter((value) => Math.abs(value) < expected).length / values.length
    expect(within).toBeCloseTo(0.6827, 2)
  })

  test('normal and uniform have their mean', () => {
    const mean = (values: Float32Array): number => values.reduce((sum, value) => sum + value, 0) / values.length
    expect(mean(draw(init.normal(5, 1), shape))).toBeCloseTo(5, 1)
    expect(mean(draw(init.uniform(2, 4), shape))).toBeCloseTo(3, 1)
  })

  test('the same stream gives the same values, another other ones', () => {
    const initializer = init.kaimingNormal()
    expect(draw(initializer, shape, 1)).toEqual(draw(initializer, shape, 1))
    expect(draw(initializer, shape, 1)).not.toEqual(draw(initializer, shape, 2))
  })

  test('scaled ones want a weight', () => {
    for (const initializer of [init.xavierUniform(), init.kaimingNormal(), init.kaimingUniform()]) {
      expect(() => draw(initializer, [4])).toThrow(ShapeError)
    }
  })
})

test('constants', () => {
  expect([...draw(init.zeros(), [2, 2])]).toEqual([0, 0, 0, 0])
  expect([...draw(init.constant(1.5), [3])]).toEqual([1.5, 1.5, 1.5])
})

describe('dirac', () => {
  /** torch.nn.init.dirac_: w[d, d, height // 2, width // 2] = 1 for d < min(outChannels, inChannels). */
  const expected = ([out, channels, height, width]: readonly [number, number, number, number]): number[] => {
    const values: number[] = []
    for (let o = 0; o < out; o++) {
      for (let c = 0; c < channels; c++) {
        for (let i = 0; i < height; i++) {
          for (let j = 0; j < width; j++) {
            values.push(o === c && i === Math.floor(height / 2) && j === Math.floor(width / 2) ? 1 : 0)
          }
        }
      }
    }
    return values
  }

  test.each([
    [[3, 3, 1, 1] as const],
    [[2, 4, 1, 1] as const],
    [[4, 2, 3, 3] as const],
    [[2, 3, 2, 5] as const],
    [[10, 384, 4, 4] as const],
  ])('%p', (shape) => {
    expect([...draw(init.dirac(), shape)]).toEqual(expected(shape))
  })

  test.each([[[4]], [[4, 4]], [[4, 4, 3]], [[4, 4, 3, 3, 3]]])('refuses the shape %p', (shape) => {
    expect(() => draw(init.dirac(), shape)).toThrow(ShapeError)
  })
})

test.each([
  ['constant', () => init.constant(NaN), /value must be a finite number/],
  ['uniform', () => init.uniform(2, 1), /low must be at most high; received 2 and 1/],
  ['uniform', () => init.uniform(0, Infinity), /high must be a finite number; received Infinity/],
  ['normal', () => init.normal(0, -1), /standardDeviation must be a finite number >= 0; received -1/],
  ['xavierUniform', () => init.xavierUniform({ gain: NaN }), /gain must be a finite number >= 0; received NaN/],
  [
    'kaimingNormal',
    () => init.kaimingNormal({ mode: 'fan_in' as 'fanIn' }),
    /mode must be one of fanIn, fanOut; received "fan_in"/,
  ],
  [
    'kaimingUniform',
    () => init.kaimingUniform({ slope: 1 } as object),
    /there is no option slope; the options are a, mode/,
  ],
])('%s refuses bad options', (_, make, message) => {
  expect(make).toThrow(OptionError)
  expect(make).toThrow(message)
})
