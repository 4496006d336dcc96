import { describe, expect, test } from '@jest/globals'
import { inspect } from 'node:util'
import { OptionError, ShapeError } from '../../lib/errors.js'
import { elementCount } from '../../lib/graph/graph.js'
import { mlpconv, NiN } from '../../lib/models/nin.js'
import * as nn from '../../lib/nn/index.js'
import { SGD } from '../../lib/optim/index.js'
import { Device } from '../../lib/device.js'
import { fakeDevice } from './fakeDevice.js'

const float = 4
/** Pieces of the arena begin at multiples of this. */
const align = (bytes: number): number => Math.ceil(bytes / 64) * 64

describe('NiN', () => {
  const device = fakeDevice()

  test('a row per module, parents first', async () => {
    const { rows } = await new NiN().summary([1, 1, 224, 224], { device, training: false })
    expect(rows.slice(0, 8).map(({ path, layer, outputShape }) => [path, layer, outputShape])).toEqual([
      ['0', 'Sequential', [1, 96, 54, 54]],
      ['0.0', 'Conv2d(1, 96, 11, { stride: 4 })', [1, 96, 54, 54]],
      ['0.1', 'ReLU()', [1, 96, 54, 54]],
      ['0.2', 'Conv2d(96, 96, 1)', [1, 96, 54, 54]],
      ['0.3', 'ReLU()', [1, 96, 54, 54]],
      ['0.4', 'Conv2d(96, 96, 1)', [1, 96, 54, 54]],
      ['0.5', 'ReLU()', [1, 96, 54, 54]],
      ['1', 'MaxPool2d(3, { stride: 2 })', [1, 96, 26, 26]],
    ])
    expect(rows.map(({ path }) => path)).toEqual(
      new NiN()
        .namedModules()
        .slice(1)
        .map(([path]) => path),
    )
  })

  test('parameters and FLOPs', async () => {
    const { rows, totals } = await new NiN().summary([1, 1, 224, 224], { device })
    const byPath = new Map(rows.map((row) => [row.path, row]))
    expect(totals.parameters).toBe(1_992_166)
    expect(byPath.get('2.0')?.parameters).toBe(614_656)
    expect(byPath.get('2')?.parameters).toBe(746_240)
    expect(byPath.get('1')?.parameters).toBe(0)

    // A multiply-add per weight and output pixel.
    const weights = new Map(new NiN().namedParameters().map(([key, { shape }]) => [key, elementCount(shape)]))
    const pixels = new Map(
      [0, 2, 4].flatMap(
        (i) =>
          [
            [`0.${i}`, 54],
            [`2.${i}`, 26],
            [`4.${i}`, 12],
            [`7.${i}`, 5],
          ] as const,
      ),
    )
    let forward = 0
    for (const [path, size] of pixels) {
      const flops = 2 * weights.get(`${path}.weight`)! * size ** 2
      forward += flops
      expect(byPath.get(path)?.predict.flops).toBe(flops)
      // Forward, the data's gradient and the weights'; the image needs no gradient.
      expect(byPath.get(path)?.train?.flops).toBe((path === '0.0' ? 2 : 3) * flops)
    }
    expect(totals.predict.flops).toBe(forward)
    expect(forward / 1e9).toBeCloseTo(1.525, 3)
    expect(totals.train!.flops / 1e9).toBeCloseTo(4.506, 3)
  })

  test('FLOPs grow with the batch, whatever the micro-batch', async () => {
    const one = await new NiN().summary([1, 1, 96, 96], { device })
    const many = await new NiN().summary([128, 1, 96, 96], { device })
    expect([one.microBatch, many.microBatch]).toEqual([1, 64])
    expect(many.totals.predict.flops).toBe(128 * one.totals.predict.flops)
    expect(many.totals.train?.flops).toBe(128 * one.totals.train!.flops)
    const few = await new NiN().summary([128, 1, 96, 96], { device, microBatch: 16 })
    expect(few.microBatch).toBe(16)
    expect(few.totals.train?.flops).toBe(many.totals.train?.flops)
    expect(few.totals.train!.memory).toBeLessThan(many.totals.train!.memory)
  })

  test('a GPU computes a whole batch at a time', async () => {
    const summary = await new NiN().summary([128, 1, 96, 96], { device: new Device('cuda:0', 'cudnn', device.native) })
    expect(summary.microBatch).toBe(128)
  })

  test('lazy layers take their input sizes, and values are not drawn', async () => {
    const net = new NiN({ variant: 'mlpconv' })
    const { totals } = await net.summary([1, 3, 224, 224], { device })
    expect(totals.parameters).toBe(1_992_166 + 2 * 96 * 121)
    expect(net.parameters().some((parameter) => parameter.isMaterialized)).toBe(false)
  })
})

describe('memory', () => {
  /** Two layers of known size: [2, 3, 4, 4] -> [2, 5, 4, 4] -> [2, 5]. */
  const net = (): nn.Module =>
    new nn.Sequential(new nn.Conv2d(3, 5, 1), new nn.ReLU(), new nn.GlobalAvgPool2d(), new nn.Flatten())
  const shape = [2, 3, 4, 4]
  const image = 2 * 3 * 16 * float
  const activation = 2 * 5 * 16 * float
  const parameters = (15 + 5) * float
  const flat = align(15 * float) + align(5 * float)

  test('predicting: arena, parameters, input and output', async () => {
    const { rows, totals } = await net().summary(shape, { device: fakeDevice(), training: false })
    // The pooled values lie in the output's memory or the arena; the ReLU is a part of the convolution.
    expect(rows.map(({ predict }) => predict.memory)).toEqual([activation, 0, 2 * 5 * float, 0])
    expect(totals.predict.memory).toBe(align(activation) + align(2 * 5 * float) + image + parameters + 2 * 5 * float)
    expect(totals.train).toBeUndefined()
  })

  test('workspaces and packed weights are counted', async () => {
    const plain = await net().summary(shape, { device: fakeDevice(), training: false })
    const pack = { workspaceBytes: 0, outputBytes: [640], packs: [], implementation: '' }
    const device = fakeDevice(({ op }) =>
      op === 'conv2d' ? { workspaceBytes: 1280, packs: [{ input: 1, bytes: 640, kernel: pack }] } : {},
    )
    const { rows, totals } = await net().summary(shape, { device, training: false })
    expect(rows[0]?.predict.memory).toBe(activation + 1280 + 640)
    expect(totals.predict.memory).toBeGreaterThanOrEqual(plain.totals.predict.memory + 640)
  })

  test('bfloat16 halves activations, not parameters', async () => {
    const { rows, totals } = await net().summary(shape, { device: fakeDevice(), training: false, dtype: 'bfloat16' })
    expect(rows[0]?.predict.memory).toBe(activation / 2)
    const arena = align(activation / 2) + align(2 * 5 * 2)
    expect(totals.predict.memory).toBe(arena + image / 2 + parameters + 2 * 5 * 2)
  })

  test('training: gradients beside the parameters, and momentum if there is one', async () => {
    const device = fakeDevice()
    const plain = await net().summary(shape, { device })
    const withMomentum = await net().summary(shape, { device, optimizer: SGD({ lr: 0.1, momentum: 0.9 }) })
    expect(withMomentum.totals.train!.memory).toBe(plain.totals.train!.memory + flat)
    // Parameters, gradients, and at least the activation and its gradient.
    expect(plain.totals.train!.memory).toBeGreaterThanOrEqual(2 * flat + image + 2 * activation)
    expect(plain.totals.train!.memory).toBeLessThan(2 * flat + image + 3 * activation + 1024)
    expect(plain.rows[0]?.train?.memory).toBeGreaterThanOrEqual(activation)
  })

  test('a module that contains others occupies what they do together, once', async () => {
    const { rows } = await new nn.Sequential(net()).summary(shape, { device: fakeDevice(), training: false })
    expect(rows.map(({ path, predict }) => [path, predict.memory])).toEqual([
      ['0', activation + 2 * 5 * float],
      ['0.0', activation],
      ['0.1', 0],
      ['0.2', 2 * 5 * float],
      ['0.3', 0],
    ])
  })
})

describe('the table', () => {
  const net = (): nn.Module => new nn.Sequential(mlpconv(64, 3, 0), new nn.GlobalAvgPool2d(), new nn.Flatten())

  test('is aligned, in units, and printed by console.log', async () => {
    const summary = await net().summary([32, 3, 16, 16], { device: fakeDevice(), training: false })
    // 2 * 32 * 14 * 14 * 64 * 27 and * 64 FLOPs; 32 * 64 * 14 * 14 and * 6 * 6 elements of four bytes.
    expect(summary.toString().split('\n')).toEqual([
      '                                                                  predict',
      'layer                              output    parameters   FLOPs    memory',
      '-------------------------------------------------------------------------',
      '0 Sequential                       64x6x6        10,112   124 M  3.06 MiB',
      '  0.0 Conv2d(3, 64, 3)             64x14x14       1,792  21.7 M  1.53 MiB',
      '  0.1 ReLU()                       64x14x14',
      '  0.2 Conv2d(64, 64, 1)            64x14x14       4,160  51.4 M  1.53 MiB',
      '  0.3 ReLU()                       64x14x14',
      '  0.4 Conv2d(64, 64, 1)            64x14x14       4,160  51.4 M  1.53 MiB',
      '  0.5 ReLU()                       64x14x14',
      '  0.6 MaxPool2d(3, { stride: 2 })  64x6x6                         288 KiB',
      '1 GlobalAvgPool2d()                64x1x1                        8.00 KiB',
      '2 Flatten()                        64',
      '-------------------------------------------------------------------------',
      'all                                              10,112   124 M  3.20 MiB',
      '',
      'For an input of 32x3x16x16. A multiply-add is two FLOPs.',
      'Memory of a layer: what its values occupy in the plan, where layers share it. Of all: what is allocated.',
    ])
    expect(inspect(summary)).toBe(summary.toString())
  })

  test('depth 1 shows the layers of the network alone', async () => {
    const summary = await net().summary([32, 3, 16, 16], { device: fakeDevice() })
    const first = summary.format({ depth: 1 }).split('\n')
    expect(first.slice(3, 6).map((line) => line.split(/ {2,}/)[0])).toEqual([
      '0 Sequential',
      '1 GlobalAvgPool2d()',
      '2 Flatten()',
    ])
    expect(first[6]).toMatch(/^-+$/)
    expect(first[0]).toMatch(/ predict +train$/)
  })

  test('says how many samples go through at a time', async () => {
    const summary = await net().summary([32, 3, 16, 16], { device: fakeDevice(), microBatch: 8 })
    expect(summary.toString()).toContain('For an input of 32x3x16x16, in training 8 samples at a time.')
  })
})

describe('bad input', () => {
  const device = fakeDevice()
  test.each<[string, () => Promise<unknown>, new (...args: never[]) => Error, RegExp]>([
    [
      'an unknown option',
      () => new NiN().summary([1, 1, 96, 96], { batch: 2 } as object),
      OptionError,
      /there is no option batch/,
    ],
    [
      'a type',
      () => new NiN().summary([1, 1, 96, 96], { device, dtype: 'int8' as 'float32' }),
      OptionError,
      /dtype must be one of float32, tfloat32, bfloat16; received "int8"/,
    ],
    [
      'a micro-batch',
      () => new NiN().summary([1, 1, 96, 96], { device, microBatch: 0 }),
      OptionError,
      /microBatch must be an integer >= 1/,
    ],
    ['a shape', () => new NiN().summary([1, 1, 0, 96], { device }), ShapeError, /positive integers/],
    [
      'another number of channels',
      () => new NiN().summary([1, 3, 96, 96], { device }),
      ShapeError,
      /^layer 0.0, Conv2d/,
    ],
    [
      'training of what is no classifier',
      () => mlpconv(2, 3, 0).summary([1, 1, 9, 9], { device, training: true }),
      ShapeError,
      /an output \[N, classes\]; received \[1, 1, 9, 9\] and \[1, 2, 3, 3\]/,
    ],
  ])('%s', async (_, make, errorClass, message) => {
    const promise = make()
    await expect(promise).rejects.toThrow(errorClass)
    await expect(promise).rejects.toThrow(message)
  })

  test('what is no classifier has no training costs unless asked for', async () => {
    const { totals, rows } = await mlpconv(2, 3, 0).summary([1, 1, 9, 9], { device })
    expect(totals.train).toBeUndefined()
    expect(rows.every(({ train }) => train === undefined)).toBe(true)
  })
})
