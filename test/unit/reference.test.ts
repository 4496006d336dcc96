import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { cases } from '../ops/cases.js'
import { drawInputs } from '../ops/inputs.js'
import { adaptiveAvgPool2d, adaptiveAvgPool2dBackward } from '../reference/avgPool2d.js'
import { integerData, roundToBfloat16, spreadData } from '../reference/data.js'
import { dropout } from '../reference/dropout.js'
import { gradcheck } from '../reference/gradcheck.js'
import { maxPool2d, maxPool2dBackward } from '../reference/maxPool2d.js'
import { philox4x32, type Words4 } from '../reference/philox.js'
import { resizeBilinear } from '../reference/resize.js'
import { plainSgd, sgd } from '../reference/sgd.js'
import { softmaxCrossEntropy } from '../reference/softmaxCrossEntropy.js'
import { map, tensor, zeros, type RefTensor } from '../reference/tensor.js'
import { expectClose } from '../reference/tolerance.js'

describe('gradients agree with central differences', () => {
  test.each(cases)('$name', ({ problems }) => {
    fc.assert(
      fc.property(problems, fc.nat(), (problem, seed) => {
        gradcheck(problem, drawInputs(problem, 'real', seed), seed)
      }),
      { numRuns: 20 },
    )
  })

  test('adaptiveAvgPool2d with cells of different sizes', () => {
    const shape = [2, 3, 7, 5]
    const pool = {
      forward: ([x]: readonly RefTensor[]) => adaptiveAvgPool2d(x!, [3, 2]),
      backward: (_inputs: unknown, dy: RefTensor) => [adaptiveAvgPool2dBackward(dy, shape)],
    }
    gradcheck(pool, [spreadData(shape, 1, 0)], 1)
  })

  test('a wrong gradient is found', () => {
    const square = {
      forward: ([x]: readonly RefTensor[]) => map(x!, (value) => value * value),
      backward: (_inputs: unknown, dy: RefTensor) => [dy],
    }
    expect(() => gradcheck(square, [spreadData([5], 1, 0)], 1)).toThrow('gradient of input 0')
  })
})

describe('Philox 4x32-10', () => {
  // The published known answers of Random123 (kat_vectors).
  test.each<[Words4, [number, number], number[]]>([
    [[0, 0, 0, 0], [0, 0], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ])('counter %p, key %p', (counter, key, expected) => {
    expect(philox4x32(counter, key)).toEqual(expected)
  })
})

describe('dropout', () => {
  const ones = (shape: number[]) => map(zeros(shape), () => 1)
  const options = { p: 0.25, seed: 2 ** 40 + 7, use: 1, firstSample: 3 }

  test('keeps 1 - p of the elements, times 1 / (1 - p)', () => {
    const { data } = dropout(ones([100, 100]), options)
    const kept = data.filter((value) => value !== 0)
    expect(new Set(kept)).toEqual(new Set([1 / 0.75]))
    // Four standard deviations of a binomial distribution of 10,000.
    expect(Math.abs(kept.length - 7500)).toBeLessThan(4 * Math.sqrt(10_000 * 0.25 * 0.75))
  })

  test('depends on the sample, not on where in the batch it is', () => {
    const shape = [4, 3, 5, 7]
    const whole = dropout(ones(shape), options)
    const last = dropout(ones([1, 3, 5, 7]), { ...options, firstSample: 6 })
    expect([...whole.data.slice(-last.data.length)]).toEqual([...last.data])
  })

  test('counts the elements of an image channels-last', () => {
    const [C, H, W] = [3, 5, 7]
    const image = dropout(ones([1, C, H, W]), options)
    const row = dropout(ones([1, C * H * W]), options)
    for (let c = 0; c < C; c++) {
      for (let i = 0; i < H * W; i++) expect(image.data[c * H * W + i]).toBe(row.data[i * C + c])
    }
  })
})

test('max pooling gives the gradient to the first of equals, row by row', () => {
  const { y, index } = maxPool2d(tensor([1, 2, 2, 2], [1, 1, 2, 2]), {
    kernelSize: [2, 2],
    stride: [1, 1],
    padding: [0, 0],
  })
  expect([...y.data]).toEqual([2])
  expect([...maxPool2dBackward(tensor([5], [1, 1, 1, 1]), index, [1, 1, 2, 2]).data]).toEqual([0, 5, 0, 0])
})

test('cross-entropy: a tie goes to the first logit, a label out of range is wrong and makes the loss NaN', () => {
  const logits = tensor([1, 1, 0, 0, 3, 3], [2, 3])
  expect(softmaxCrossEntropy(logits, [0, 2], 2).correct).toBe(1)
  const outOfRange = softmaxCrossEntropy(logits, [0, 3], 2)
  expect(outOfRange.correct).toBe(1)
  expect(outOfRange.loss).toBeNaN()
})

test('SGD clips the norm of the whole gradient', () => {
  const { parameters } = sgd({ parameters: new Float64Array(2) }, Float64Array.of(30, 40), 1, {
    ...plainSgd,
    clipGradNorm: 5,
  })
  const clip = 5 / (50 + 1e-6)
  expectClose(parameters, [-30 * clip, -40 * clip], 'float64')
})

test('resizing to the same size changes nothing, and a constant image stays constant', () => {
  const image = map(integerData([2, 3, 5, 7], 1, 0), (value) => 100 + 50 * value)
  expect([...resizeBilinear(image, [5, 7]).data]).toEqual([...image.data])
  const white = map(zeros([1, 1, 28, 28]), () => 255)
  expect(new Set(resizeBilinear(white, [96, 11]).data)).toEqual(new Set([255]))
})

test('rounding to bfloat16 goes to the nearest, ties to even', () => {
  const half = 2 ** -8
  expect([1, 1 + half, 1 + 3 * half, 1 + half + 2 ** -20, -Math.PI, 257].map(roundToBfloat16)).toEqual([
    1,
    1,
    1 + 4 * half,
    1 + 2 * half,
    -3.140625,
    256,
  ])
})

describe('expectClose', () => {
  const expected = tensor([1, -2, 3, -4], [2, 2])

  test('accepts rounding and no more', () => {
    expectClose(expected.data.map(Math.fround), expected, 'exact')
    expectClose([1, -2, 3, -4.00001], expected, 'float32')
    expect(() => expectClose([1, -2, 3, -4.0001], expected, 'float32')).toThrow(
      'element [1, 1] of [2, 2]: expected -4, received -4.0001',
    )
    expectClose([1, -2, 3, -4.015], expected, 'bfloat16')
    expect(() => expectClose([1, -2, 3, -4.06], expected, 'bfloat16')).toThrow('relative L2')
    expect(() => expectClose([1, -2, 3, -4 - 2e-15], expected, 'exact')).toThrow('elements that differ: 1 of 4')
  })

  test('refuses another number of elements, NaN, and anything but zeros for zeros', () => {
    expect(() => expectClose([1, -2, 3], expected, 'bfloat16')).toThrow('expected 4 elements of shape [2, 2]')
    expect(() => expectClose([1, NaN, 3, -4], expected, 'bfloat16')).toThrow('element [0, 1]')
    expect(() => expectClose([0, 1e-30], [0, 0], 'bfloat16')).toThrow('element [1]')
    expectClose([NaN, 1], [NaN, 1], 'exact')
  })
})
