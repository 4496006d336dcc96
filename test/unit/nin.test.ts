import { describe, expect, test } from '@jest/globals'
import { OptionError, ShapeError } from '../../lib/errors.js'
import { elementCount } from '../../lib/graph/graph.js'
import { GraphBuilder } from '../../lib/graph/trace.js'
import { mlpconv, NiN, ninBlock, type NiNOptions, ninVariants } from '../../lib/models/nin.js'
import { type RecipeName, recipes } from '../../lib/models/recipes.js'
import { GlobalAvgPool2d, Module, Sequential } from '../../lib/nn/index.js'
import { learningRates, SGD } from '../../lib/optim/index.js'

/** A line per child: its index, its class and its output's shape without the batch. */
function lines(net: Module, inputShape: readonly number[]): string[] {
  const builder = new GraphBuilder()
  const found: string[] = []
  builder.onModule = (path, module, { shape }) => {
    if (/^\d+$/.test(path)) found.push(`${path} ${module.constructor.name} ${shape.slice(1).join('x')}`)
  }
  net.trace(builder.input({ shape: inputShape, dtype: 'float32' }))
  return found
}

const parameterCount = (net: Module): number =>
  net.parameters().reduce((sum, { shape }) => sum + elementCount(shape), 0)

const keysOf = (net: Module): string[] => net.namedParameters().map(([key]) => key)

/** The keys of convolutions at these paths. */
const keysAt = (...paths: string[]): string[] => paths.flatMap((path) => [`${path}.weight`, `${path}.bias`])

const inputShape = [1, 1, 224, 224]

describe('d2l', () => {
  test('trace', () => {
    expect(lines(new NiN(), inputShape)).toEqual([
      '0 Sequential 96x54x54',
      '1 MaxPool2d 96x26x26',
      '2 Sequential 256x26x26',
      '3 MaxPool2d 256x12x12',
      '4 Sequential 384x12x12',
      '5 MaxPool2d 384x5x5',
      '6 Dropout 384x5x5',
      '7 Sequential 10x5x5',
      '8 AdaptiveAvgPool2d 10x1x1',
      '9 Flatten 10',
    ])
  })

  test('parameters and their keys', () => {
    expect(parameterCount(new NiN())).toBe(1_992_166)
    expect(parameterCount(new NiN({ numClasses: 10 }))).toBe(1_992_166)
    expect(parameterCount(new NiN({ variant: 'd2l', blockDepth: 1 }))).toBe(1_769_112)
    expect(keysOf(new NiN())).toEqual(
      keysAt('0.0', '0.2', '0.4', '2.0', '2.2', '2.4', '4.0', '4.2', '4.4', '7.0', '7.2', '7.4'),
    )
    const shapes = new NiN().parameters().map(({ shape }) => shape)
    expect(shapes.filter(({ length }) => length === 4)).toEqual([
      [96, 1, 11, 11],
      [96, 96, 1, 1],
      [96, 96, 1, 1],
      [256, 96, 5, 5],
      [256, 256, 1, 1],
      [256, 256, 1, 1],
      [384, 256, 3, 3],
      [384, 384, 1, 1],
      [384, 384, 1, 1],
      [10, 384, 3, 3],
      [10, 10, 1, 1],
      [10, 10, 1, 1],
    ])
  })

  test('prints as PyTorch does', () => {
    const text = new NiN({ channels: [2, 3, 4], numClasses: 5, inChannels: 3, dropout: 0.1 }).toString().split('\n')
    expect(text.slice(0, 10)).toEqual([
      'NiN(',
      '  (0): Sequential(',
      '    (0): Conv2d(3, 2, 11, { stride: 4 })',
      '    (1): ReLU()',
      '    (2): Conv2d(2, 2, 1)',
      '    (3): ReLU()',
      '    (4): Conv2d(2, 2, 1)',
      '    (5): ReLU()',
      '  )',
      '  (1): MaxPool2d(3, { stride: 2 })',
    ])
    expect(text).toContain('  (6): Dropout(0.1)')
    expect(text).toContain('    (0): Conv2d(4, 5, 3, { padding: 1 })')
  })
})

describe('no-last-relu', () => {
  const net = new NiN({ variant: 'no-last-relu' })

  test('trace', () => {
    expect(lines(net, inputShape)).toEqual([
      '0 Sequential 96x54x54',
      '1 MaxPool2d 96x26x26',
      '2 Sequential 256x26x26',
      '3 MaxPool2d 256x12x12',
      '4 Sequential 384x12x12',
      '5 MaxPool2d 384x5x5',
      '6 Dropout 384x5x5',
      '7 Sequential 10x5x5',
      '8 GlobalAvgPool2d 10x1x1',
      '9 Flatten 10',
    ])
  })

  test('a block is conv, ReLU, 1x1, ReLU, 1x1', () => {
    expect(net.modules.map((module) => module.children().map(([, child]) => child.constructor.name))).toEqual(
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((i) =>
        [0, 2, 4, 7].includes(i) ? ['Conv2d', 'ReLU', 'Conv2d', 'ReLU', 'Conv2d'] : [],
      ),
    )
    expect(parameterCount(net)).toBe(1_992_166)
    expect(keysOf(net)).toEqual(keysOf(new NiN()))
  })

  test('GlobalAvgPool2d takes 16x32x32 to 16x1x1', () => {
    expect(lines(new Sequential(new GlobalAvgPool2d()), [1, 16, 32, 32])).toEqual(['0 GlobalAvgPool2d 16x1x1'])
  })
})

describe('mlpconv', () => {
  test('trace', () => {
    expect(lines(new NiN({ variant: 'mlpconv' }), inputShape)).toEqual([
      '0 Sequential 96x26x26',
      '1 Sequential 256x12x12',
      '2 Sequential 384x5x5',
      '3 Dropout 384x5x5',
      '4 Sequential 10x5x5',
      '5 AvgPool2d 10x1x1',
      '6 Flatten 10',
    ])
  })

  test('parameters and their keys, once the input is known', () => {
    const net = new NiN({ variant: 'mlpconv' })
    expect(keysOf(net)).toEqual(
      keysAt('0.0', '0.2', '0.4', '1.0', '1.2', '1.4', '2.0', '2.2', '2.4', '4.0', '4.2', '4.4'),
    )
    expect(() => parameterCount(net)).toThrow(ShapeError)
    expect(parameterCount(net.materialize(inputShape))).toBe(1_992_166)
    const colour = new NiN({ variant: 'mlpconv' }).materialize([1, 3, 224, 224])
    expect(parameterCount(colour)).toBe(1_992_166 + 2 * 96 * 121)
  })

  test('mlpconv(64, 3, 0) takes 32x3x16x16 to 32x64x6x6', () => {
    const trace = (net: Module): readonly number[] => {
      const builder = new GraphBuilder()
      return net.trace(builder.input({ shape: [32, 3, 16, 16], dtype: 'float32' })).shape
    }
    expect(trace(mlpconv(64, 3, 0))).toEqual([32, 64, 6, 6])
    expect(trace(mlpconv(64, 3, 0, { maxPooling: false }))).toEqual([32, 64, 14, 14])
    expect(trace(mlpconv(64, 3, 1, { strides: 2 }))).toEqual([32, 64, 3, 3])
  })

  test('its layers', () => {
    expect(mlpconv(64, 3, 0, { depth: 1 }).toString().split('\n')).toEqual([
      'Sequential(',
      '  (0): LazyConv2d(64, 3)',
      '  (1): ReLU()',
      '  (2): LazyConv2d(64, 1)',
      '  (3): ReLU()',
      '  (4): MaxPool2d(3, { stride: 2 })',
      ')',
    ])
  })

  test('an image that leaves less than 5x5 is an error that names the layer', () => {
    expect(() => new NiN({ variant: 'mlpconv' }).materialize([1, 1, 96, 96])).toThrow(
      /^layer 5, AvgPool2d\(5\): avgPool2d: the kernel \[5, 5\] is larger than the padded input \[1, 1\]/,
    )
  })
})

describe('options', () => {
  test('channels, classes, input channels, depth and dropout', () => {
    for (const variant of ninVariants) {
      const options: NiNOptions = { variant, numClasses: 7, inChannels: 3, channels: [4, 5, 6], blockDepth: 1 }
      const net = new NiN(options).materialize([2, 3, 224, 224])
      const weights = net.parameters().filter(({ shape }) => shape.length === 4)
      expect(weights.map(({ shape: [o, i] }) => [o, i])).toEqual([
        [4, 3],
        [4, 4],
        [5, 4],
        [5, 5],
        [6, 5],
        [6, 6],
        [7, 6],
        [7, 7],
      ])
      expect(net.options).toEqual({ ...options, dropout: 0.5 })
      expect(new NiN(net.options).toString()).toBe(new NiN(options).toString())
    }
  })

  test('depth 0 is the first convolution alone', () => {
    expect(ninBlock(1, 2, { kernelSize: 3, depth: 0 }).modules).toHaveLength(2)
    expect(ninBlock(1, 2, { kernelSize: 3, depth: 0, lastRelu: false }).modules).toHaveLength(1)
    expect(mlpconv(2, 3, 0, { depth: 0 }).modules).toHaveLength(3)
  })

  test.each<[string, () => unknown, RegExp]>([
    [
      'variant',
      () => new NiN({ variant: 'vgg' as 'd2l' }),
      /variant must be one of d2l, no-last-relu, mlpconv; received "vgg"/,
    ],
    ['numClasses', () => new NiN({ numClasses: 0 }), /numClasses must be an integer >= 1; received 0/],
    ['inChannels', () => new NiN({ inChannels: NaN }), /inChannels must be an integer >= 1; received NaN/],
    [
      'channels',
      () => new NiN({ channels: [1, 2] as unknown as [1, 2, 3] }),
      /channels must be three integers >= 1; received \[1, 2\]/,
    ],
    ['blockDepth', () => new NiN({ blockDepth: -1 }), /blockDepth must be an integer >= 0; received -1/],
    ['dropout', () => new NiN({ dropout: 1.5 }), /NiN: dropout must be a finite number >= 0 and < 1; received 1.5/],
    [
      'an unknown one',
      () => new NiN({ classes: 10 } as NiNOptions),
      /NiN: there is no option classes; the options are variant, /,
    ],
    [
      'depth',
      () => ninBlock(1, 2, { kernelSize: 3, depth: 0.5 }),
      /ninBlock: depth must be an integer >= 0; received 0.5/,
    ],
    [
      'maxPooling',
      () => mlpconv(2, 3, 0, { maxPooling: 1 as unknown as boolean }),
      /maxPooling must be true or false; received 1/,
    ],
  ])('bad %s', (_, make, message) => {
    expect(make).toThrow(OptionError)
    expect(make).toThrow(message)
  })
})

describe('recipes', () => {
  test('fast', async () => {
    expect(recipes.fast).toMatchObject({ variant: 'd2l', resize: 96, batchSize: 64, epochs: 1 })
    expect(recipes.fast.normalize).toEqual({ mean: [0.286], std: [0.353] })
    expect(recipes.fast.optimizer).toEqual(SGD({ lr: 0.05, momentum: 0.9, nesterov: true, clipGradNorm: 1 }))
    const rates = learningRates(recipes.fast.optimizer, recipes.fast.schedule, 938)
    expect(rates[0]).toBeCloseTo(0.05 / 140.7, 8)
    expect(rates[200]).toBeCloseTo(0.05, 8)
    expect(rates[937]).toBeCloseTo(0.05 / 562.8, 8)

    const net = new NiN().initialize(recipes.fast.initialize).materialize()
    for (const [key, parameter] of net.namedParameters()) {
      const values = await parameter.read()
      const sum = values.reduce((total, value) => total + value, 0)
      const [outputs, inputs, height, width] = parameter.shape
      // The last block's are positive, so that no class starts behind a dead ReLU.
      if (key.endsWith('bias')) expect(values.every((value) => value === (outputs === 10 ? 0.5 : 0))).toBe(true)
      else if (height === 1) {
        expect(sum).toBe(outputs)
        expect(values.every((value, i) => value === (Math.floor(i / inputs!) === i % inputs! ? 1 : 0))).toBe(true)
      } else {
        const variance = values.reduce((total, value) => total + value * value, 0) / values.length
        expect(variance * inputs! * height! * width!).toBeGreaterThan(1.9)
        expect(variance * inputs! * height! * width!).toBeLessThan(2.1)
      }
    }
  })

  test.each<[RecipeName, boolean]>([
    ['d2l', false],
    ['mlpconv', true],
  ])("%s is the references' own", async (name, zeroBiases) => {
    const recipe = recipes[name]
    expect(recipe).toMatchObject({ resize: 224, normalize: undefined, variant: name })
    expect([recipe.batchSize, recipe.epochs]).toEqual(name === 'd2l' ? [128, 10] : [64, 1])
    expect(recipe.optimizer).toEqual(SGD({ lr: 0.1 }))
    expect([...learningRates(recipe.optimizer, recipe.schedule, 2)]).toEqual([Math.fround(0.1), Math.fround(0.1)])
    const net = new NiN({ variant: recipe.variant }).initialize(recipe.initialize).materialize(inputShape)
    for (const [key, parameter] of net.namedParameters()) {
      const largest = (await parameter.read()).reduce((most, value) => Math.max(most, Math.abs(value)), 0)
      if (key.endsWith('bias')) {
        expect(largest === 0).toBe(zeroBiases)
        continue
      }
      const [outputs, inputs, height, width] = parameter.shape as [number, number, number, number]
      const bound = Math.sqrt(6 / ((outputs + inputs) * height * width))
      expect(largest).toBeLessThanOrEqual(Math.fround(bound))
      expect(largest).toBeGreaterThan(0.9 * bound)
    }
  })
})
