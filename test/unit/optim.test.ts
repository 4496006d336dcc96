import { describe, expect, test } from '@jest/globals'
import { OptionError } from '../../lib/errors.js'
import { learningRates, schedule, SGD, type SGDOptions } from '../../lib/optim/index.js'

describe('SGD', () => {
  test('is frozen data with PyTorch defaults', () => {
    const sgd = SGD({ lr: 0.1 })
    expect(sgd).toEqual({ lr: 0.1, momentum: 0, dampening: 0, weightDecay: 0, nesterov: false, clipGradNorm: 0 })
    expect(Object.isFrozen(sgd)).toBe(true)
    const options = { lr: 0, momentum: 0.9, dampening: 0.5, weightDecay: 1e-4, nesterov: false, clipGradNorm: 1 }
    expect(SGD(options)).toEqual(options)
    expect(SGD({ lr: 1, momentum: 0.9, nesterov: true }).nesterov).toBe(true)
  })

  const refused: [string, unknown, RegExp][] = [
    ['no options', undefined, /options must be an object/],
    ['a number', 0.1, /options must be an object with lr, .*; received 0.1/],
    ['no lr', {}, /lr must be a finite number >= 0; received undefined/],
    ['NaN', { lr: NaN }, /lr must be .*; received NaN/],
    ['an infinite lr', { lr: Infinity }, /lr must be .*; received Infinity/],
    ['a negative lr', { lr: -0.1 }, /lr must be .*; received -0.1/],
    ['text', { lr: '0.1' }, /lr must be .*; received "0.1"/],
    ['negative momentum', { lr: 1, momentum: -1 }, /momentum must be a finite number >= 0; received -1/],
    ['NaN dampening', { lr: 1, dampening: NaN }, /dampening must be a finite number; received NaN/],
    ['negative weight decay', { lr: 1, weightDecay: -1 }, /weightDecay must be .*; received -1/],
    ['a negative clip', { lr: 1, clipGradNorm: -1 }, /clipGradNorm must be .*; received -1/],
    ['nesterov that is no boolean', { lr: 1, nesterov: 1 }, /nesterov must be true or false; received 1/],
    ['nesterov without momentum', { lr: 1, nesterov: true }, /received momentum 0 and dampening 0/],
    [
      'nesterov with dampening',
      { lr: 1, momentum: 0.9, dampening: 0.1, nesterov: true },
      /needs momentum > 0 and dampening 0; received momentum 0.9 and dampening 0.1/,
    ],
    ['a misspelt option', { lr: 1, weight_decay: 1 }, /there is no option weight_decay; the options are lr, momentum/],
  ]
  test.each(refused)('refuses %s', (_, options, message) => {
    expect(() => SGD(options as SGDOptions)).toThrow(OptionError)
    expect(() => SGD(options as SGDOptions)).toThrow(message)
  })
})

describe('schedules', () => {
  const factors = (of: schedule.Schedule, total: number): number[] =>
    Array.from({ length: total }, (_, step) => Number(of(step, total).toFixed(6)))

  test('constant', () => {
    expect(factors(schedule.constant(), 3)).toEqual([1, 1, 1])
  })

  test('warmupLinearDecay rises, stays, falls', () => {
    const of = schedule.warmupLinearDecay({ warmup: 0.2, decay: 0.5 })
    expect(factors(of, 10)).toEqual([0.5, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2])
    expect(factors(schedule.warmupLinearDecay({ warmup: 0, decay: 0 }), 3)).toEqual([1, 1, 1])
    expect(factors(schedule.warmupLinearDecay({ warmup: 1, decay: 1 }), 4)).toEqual([0.25, 0.5, 0.5, 0.25])
  })

  test('the fast run: over 938 steps, up for 15 %, down for the last 60 %', () => {
    const of = schedule.warmupLinearDecay({ warmup: 0.15, decay: 0.6 })
    expect(of(0, 938)).toBeCloseTo(1 / 140.7, 12)
    expect(of(139, 938)).toBeCloseTo(140 / 140.7, 12)
    expect(of(140, 938)).toBe(1)
    expect(of(375, 938)).toBe(1)
    expect(of(376, 938)).toBeCloseTo(562 / 562.8, 12)
    expect(of(937, 938)).toBeCloseTo(1 / 562.8, 12)
  })

  test('cosine', () => {
    expect(factors(schedule.cosine(), 4)).toEqual([1, 0.853553, 0.5, 0.146447])
  })

  test('stepDecay falls at its milestones', () => {
    const of = schedule.stepDecay({ milestones: [0.5, 0.8] })
    expect(factors(of, 10)).toEqual([1, 1, 1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01])
    expect(factors(schedule.stepDecay({ milestones: [0.5], gamma: 0.5 }), 4)).toEqual([1, 1, 0.5, 0.5])
  })

  test('learningRates multiplies, in float32', () => {
    const rates = learningRates(SGD({ lr: 0.05 }), schedule.cosine(), 4)
    expect(Object.prototype.toString.call(rates)).toBe('[object Float32Array]')
    const expected = [0, 1, 2, 3].map((step) => Math.fround(0.05 * schedule.cosine()(step, 4)))
    expect([...rates]).toEqual(expected)
  })

  test.each([
    [
      'warmup',
      () => schedule.warmupLinearDecay({ warmup: 1.5, decay: 0 }),
      /warmup is a share .* at most 1; received 1.5/,
    ],
    [
      'decay',
      () => schedule.warmupLinearDecay({ warmup: 0, decay: NaN }),
      /decay must be a finite number >= 0; received NaN/,
    ],
    ['milestones', () => schedule.stepDecay({ milestones: [0.5, -1] }), /milestones\[1\] must be .*; received -1/],
    [
      'milestones',
      () => schedule.stepDecay({ milestones: 30 as unknown as number[] }),
      /must be an array .*; received 30/,
    ],
    ['gamma', () => schedule.stepDecay({ milestones: [], gamma: -1 }), /gamma must be .*; received -1/],
    [
      'totalSteps',
      () => learningRates(SGD({ lr: 1 }), schedule.constant(), 0),
      /totalSteps must be an integer >= 1; received 0/,
    ],
    [
      'a NaN factor',
      () => learningRates(SGD({ lr: 1 }), () => NaN, 3),
      /the factor of step 0 must be .*; received NaN/,
    ],
  ])('refuses bad %s', (_, make, message) => {
    expect(make).toThrow(OptionError)
    expect(make).toThrow(message)
  })
})
