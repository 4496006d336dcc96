import { describe, expect, test } from '@jest/globals'
import { loadFixture, networkFixtures, type Fixture, type NetworkDescription } from '../fixtures/load.js'
import {
  adaptiveAvgPool2d,
  adaptiveAvgPool2dBackward,
  avgPool2d,
  avgPool2dBackward,
  type AvgPool2dOptions,
} from '../reference/avgPool2d.js'
import { conv2d, conv2dBackwardData, conv2dBackwardWeights, type Conv2dOptions } from '../reference/conv2d.js'
import { linear, linearBackwardData, linearBackwardWeights } from '../reference/linear.js'
import { maxPool2d, maxPool2dBackward } from '../reference/maxPool2d.js'
import { resizeBilinear } from '../reference/resize.js'
import { sgd, type SgdOptions, type SgdState } from '../reference/sgd.js'
import { softmaxCrossEntropy } from '../reference/softmaxCrossEntropy.js'
import { zeros, type Pair, type RefTensor } from '../reference/tensor.js'
import { expectClose } from '../reference/tolerance.js'
import type { Window } from '../reference/window.js'

/** A layer of layers.safetensors. Its options are those of the reference's function. */
interface Layer {
  readonly name: string
  readonly op: keyof typeof layers
  readonly options: Conv2dOptions & AvgPool2dOptions & Window & { readonly outputSize: Pair; readonly bias?: boolean }
}

interface LayerTensors {
  readonly x: RefTensor
  readonly dy: RefTensor
  readonly weight: RefTensor
  readonly bias: RefTensor | undefined
}

/** The outputs and gradients of each layer, under the names that they have in the file. */
const layers = {
  conv2d: ({ x, dy, weight, bias }: LayerTensors, options: Layer['options']) => {
    const { dw, dbias } = conv2dBackwardWeights(x, dy, weight.shape, options)
    const dx = conv2dBackwardData(dy, weight, x.shape, options)
    return { y: conv2d(x, weight, bias, options), dx, dweight: dw, ...(bias && { dbias }) }
  },
  linear: ({ x, dy, weight, bias }: LayerTensors) => {
    const { dw, dbias } = linearBackwardWeights(x, dy)
    return { y: linear(x, weight, bias), dx: linearBackwardData(dy, weight), dweight: dw, ...(bias && { dbias }) }
  },
  maxPool2d: ({ x, dy }: LayerTensors, options: Layer['options']) => {
    const { y, index } = maxPool2d(x, options)
    return { y, dx: maxPool2dBackward(dy, index, x.shape) }
  },
  avgPool2d: ({ x, dy }: LayerTensors, options: Layer['options']) => ({
    y: avgPool2d(x, options),
    dx: avgPool2dBackward(dy, x.shape, options),
  }),
  adaptiveAvgPool2d: ({ x, dy }: LayerTensors, { outputSize }: Layer['options']) => ({
    y: adaptiveAvgPool2d(x, outputSize),
    dx: adaptiveAvgPool2dBackward(dy, x.shape),
  }),
}

describe('the reference gives what PyTorch gives', () => {
  test('layers, forward and backward', async () => {
    const fixture = await loadFixture<readonly Layer[]>('layers')
    expect(new Set(fixture.description.map(({ op }) => op))).toEqual(new Set(Object.keys(layers)))
    for (const { name, op, options } of fixture.description) {
      const results = layers[op](layerTensors(fixture, name), options)
      const given = fixture.names(`${name}.`).filter((key) => !['x', 'dy', 'weight', 'bias'].includes(key))
      expect(Object.keys(results).sort()).toEqual(given.sort())
      for (const [key, actual] of Object.entries(results)) {
        const expected = fixture.tensor(`${name}.${key}`)
        expect(actual.shape).toEqual(expected.shape)
        expectClose(actual.data, expected, 'float64')
      }
    }
  })

  test('cross-entropy', async () => {
    const { tensor } = await loadFixture('layers')
    const labels = tensor('crossEntropy.labels').data
    const { loss, dlogits } = softmaxCrossEntropy(tensor('crossEntropy.logits'), labels, labels.length)
    expectClose([loss], tensor('crossEntropy.loss'), 'float64')
    expectClose(dlogits.data, tensor('crossEntropy.dlogits'), 'float64')
  })

  test('ten steps of SGD with each of its options', async () => {
    type Settings = Readonly<Record<string, SgdOptions & { readonly lr: number }>>
    const { description, tensor } = await loadFixture<Settings>('sgd')
    const initial = tensor('initial').data
    const { shape, data } = tensor('gradients')
    expect(shape).toEqual([10, initial.length])
    for (const [name, { lr, ...options }] of Object.entries(description)) {
      let state: SgdState = { parameters: initial }
      const steps = Array.from({ length: 10 }, (_, step) => {
        state = sgd(state, data.subarray(step * initial.length, (step + 1) * initial.length), lr, options)
        return [...state.parameters]
      })
      expectClose(steps.flat(), tensor(`${name}.parameters`), 'float64')
    }
  })
})

test('the reference resizes to the bit as Pillow does', async () => {
  const { description, tensor } = await loadFixture<{ readonly count: number }>('resize')
  for (let i = 0; i < description.count; i++) {
    const resized = tensor(`${i}.resized`)
    const [, , H, W] = resized.shape as [number, number, number, number]
    expectClose(resizeBilinear(tensor(`${i}.image`), [H, W]).data, resized, 'exact')
  }
})

test.each(networkFixtures)('%s is whole: all that is expected of a network, and all of it finite', async (name) => {
  const fixture = await loadFixture<NetworkDescription>(name)
  const { inChannels, numClasses, batchSize, imageSize, sgd: settings, depth } = fixture.description
  expect(fixture.stored('images')).toMatchObject({ dtype: 'uint8' })
  expect(fixture.tensor('images').shape).toEqual([batchSize, inChannels, imageSize, imageSize])
  expect(fixture.tensor('logits').shape).toEqual([batchSize, numClasses])
  const parameters = fixture.names('initial.')
  // A weight and a bias for each convolution of four blocks.
  expect(parameters.length).toBe(4 * (1 + depth) * 2)
  for (const prefix of ['gradients.', ...Object.keys(settings).map((setting) => `${setting}.parameters.`)]) {
    expect(fixture.names(prefix).sort()).toEqual([...parameters].sort())
  }
  const labels = [...fixture.tensor('labels').data]
  const { loss } = softmaxCrossEntropy(fixture.tensor('logits'), labels, batchSize)
  expectClose([loss], fixture.tensor('loss'), 'float64')
  for (const setting of Object.keys(settings)) {
    const losses = fixture.tensor(`${setting}.losses`)
    expect(losses.shape).toEqual([10])
    expectClose([losses.data[0]!], [loss], 'float64')
  }
  for (const key of fixture.names('')) {
    expect(fixture.tensor(key).data.every(Number.isFinite)).toBe(true)
  }
})

function layerTensors({ names, tensor }: Fixture<unknown>, name: string): LayerTensors {
  const present = names(`${name}.`)
  const get = (key: string): RefTensor | undefined => (present.includes(key) ? tensor(`${name}.${key}`) : undefined)
  return { x: tensor(`${name}.x`), dy: tensor(`${name}.dy`), weight: get('weight') ?? zeros([0]), bias: get('bias') }
}
