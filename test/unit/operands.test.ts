import { describe, expect, test } from '@jest/globals'
import * as mlpconv from '../../lib/index.js'

/** The functions of lib/ops as plain JavaScript may call them. */
const functions: Readonly<Record<string, (x: never) => unknown>> = {
  add: (x) => mlpconv.add(x, x),
  adaptiveAvgPool2d: (x) => mlpconv.adaptiveAvgPool2d(x, 1),
  avgPool2d: (x) => mlpconv.avgPool2d(x, 2),
  cast: (x) => mlpconv.cast(x, 'bfloat16'),
  conv2d: (x) => mlpconv.conv2d(x, x),
  crossEntropy: (x) => mlpconv.crossEntropy(x, x),
  dropout: (x) => mlpconv.dropout(x),
  flatten: (x) => mlpconv.flatten(x),
  linear: (x) => mlpconv.linear(x, x),
  maxPool2d: (x) => mlpconv.maxPool2d(x, 2),
  relu: (x) => mlpconv.relu(x),
}

describe.each(Object.entries(functions))('%s', (_name, call) => {
  test.each([5, 'x', null, undefined, {}, new Float32Array(4)])('of %p is an OptionError', (value) => {
    expect(() => call(value as never)).toThrow(mlpconv.OptionError)
    expect(() => call(value as never)).toThrow('make one with tensor(data, shape)')
  })

  test('of a promise says to await it', () => {
    expect(() => call(Promise.resolve() as never)).toThrow('await it first')
  })
})
