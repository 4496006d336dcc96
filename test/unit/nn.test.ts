import { describe, expect, test } from '@jest/globals'
import { inspect } from 'node:util'
import { OptionError, ShapeError } from '../../lib/errors.js'
import type { Node } from '../../lib/graph/graph.js'
import { GraphBuilder, type Tracer, type TraceOptions } from '../../lib/graph/trace.js'
import * as init from '../../lib/init/index.js'
import * as nn from '../../lib/nn/index.js'
import { add } from '../../lib/ops/add.js'
import { relu } from '../../lib/ops/relu.js'
import { Random } from '../../lib/random.js'

/** Traces a module on an input of a shape. */
function trace(
  module: nn.Module,
  inputShape: readonly number[],
  options: TraceOptions & { counters?: boolean } = {},
): { shape: readonly number[]; nodes: readonly Node[]; builder: GraphBuilder } {
  const builder = new GraphBuilder(options)
  const x = builder.input({ shape: inputShape, dtype: 'float32' })
  if (options.counters) builder.counters = builder.input({ shape: [4], dtype: 'int64' })
  const { shape } = module.trace(x)
  return { shape, nodes: builder.nodes, builder }
}

const keysOf = (module: nn.Module): string[] => module.namedParameters().map(([key]) => key)
const valuesOf = (module: nn.Module): Promise<Float32Array[]> =>
  Promise.all(module.parameters().map((parameter) => parameter.read()))

class Residual extends nn.Module {
  readonly conv = new nn.Conv2d(8, 8, 3, { padding: 1 })
  forward(x: Tracer): Tracer {
    return relu(add(x, this.conv.trace(x, 'conv')))
  }
}

describe('shapes', () => {
  test.each<[string, nn.Module, number[], number[]]>([
    ['Conv2d', new nn.Conv2d(1, 96, 11, { stride: 4 }), [2, 1, 224, 224], [2, 96, 54, 54]],
    [
      'Conv2d',
      new nn.Conv2d(3, 5, [3, 2], { stride: [2, 1], padding: [0, 1], bias: false }),
      [1, 3, 8, 7],
      [1, 5, 3, 8],
    ],
    ['LazyConv2d', new nn.LazyConv2d(6, 3, { padding: 1 }), [4, 7, 5, 5], [4, 6, 5, 5]],
    ['ReLU', new nn.ReLU(), [3, 4], [3, 4]],
    ['MaxPool2d', new nn.MaxPool2d(3, { stride: 2 }), [1, 96, 54, 54], [1, 96, 26, 26]],
    ['MaxPool2d', new nn.MaxPool2d(2), [1, 2, 7, 6], [1, 2, 3, 3]],
    ['MaxPool2d', new nn.MaxPool2d([3, 2], { stride: [2, 1], padding: [1, 0] }), [1, 2, 7, 6], [1, 2, 4, 5]],
    ['AvgPool2d', new nn.AvgPool2d(5), [64, 10, 5, 5], [64, 10, 1, 1]],
    ['AvgPool2d', new nn.AvgPool2d(3, { stride: 2, padding: 1, countIncludePad: false }), [1, 1, 5, 5], [1, 1, 3, 3]],
    ['AdaptiveAvgPool2d', new nn.AdaptiveAvgPool2d(1), [1, 10, 5, 7], [1, 10, 1, 1]],
    ['AdaptiveAvgPool2d', new nn.AdaptiveAvgPool2d([2, 3]), [1, 10, 4, 9], [1, 10, 2, 3]],
    ['GlobalAvgPool2d', new nn.GlobalAvgPool2d(), [1, 16, 32, 32], [1, 16, 1, 1]],
    ['Dropout', new nn.Dropout(), [2, 3, 4, 5], [2, 3, 4, 5]],
    ['Flatten', new nn.Flatten(), [2, 3, 4, 5], [2, 60]],
    ['Linear', new nn.Linear(7, 3), [5, 7], [5, 3]],
    ['LazyLinear', new nn.LazyLinear(3, { bias: false }), [5, 9], [5, 3]],
    ['Sequential', new nn.Sequential(new nn.Flatten(), new nn.LazyLinear(4)), [2, 3, 2, 2], [2, 4]],
    ['Sequential without modules', new nn.Sequential(), [2, 3], [2, 3]],
    ['a module of its own', new Residual(), [2, 8, 5, 5], [2, 8, 5, 5]],
  ])('%s %# %p', (_, module, inputShape, outputShape) => {
    expect(trace(module, inputShape).shape).toEqual(outputShape)
  })

  test('CrossEntropyLoss is one number', () => {
    const builder = new GraphBuilder()
    const logits = builder.input({ shape: [4, 10], dtype: 'float32' })
    const labels = builder.input({ shape: [4], dtype: 'int32' })
    const loss = new nn.CrossEntropyLoss().forward<Tracer>(logits, labels)
    expect(loss).toMatchObject({ shape: [1], dtype: 'float32' })
  })
})

describe('traces', () => {
  const net = (): nn.Sequential =>
    new nn.Sequential(new nn.Sequential(new nn.Conv2d(1, 8, 3), new nn.ReLU()), new Residual(), new nn.Flatten())

  test('nodes carry the path of their module', () => {
    expect(trace(net(), [1, 1, 6, 6]).nodes.map(({ op, scope }) => [op, scope])).toEqual([
      ['conv2d', '0.0'],
      ['relu', '0.1'],
      ['conv2d', '1.conv'],
      ['add', '1'],
      ['relu', '1'],
      ['flatten', '2'],
    ])
  })

  test('onModule hears of every module, children first, the whole last', () => {
    const heard: [string, string, readonly number[]][] = []
    const builder = new GraphBuilder()
    builder.onModule = (path, module, output) => heard.push([path, module.constructor.name, output.shape])
    net().trace(builder.input({ shape: [1, 1, 6, 6], dtype: 'float32' }))
    expect(heard).toEqual([
      ['0.0', 'Conv2d', [1, 8, 4, 4]],
      ['0.1', 'ReLU', [1, 8, 4, 4]],
      ['0', 'Sequential', [1, 8, 4, 4]],
      ['1.conv', 'Conv2d', [1, 8, 4, 4]],
      ['1', 'Residual', [1, 8, 4, 4]],
      ['2', 'Flatten', [1, 128]],
      ['', 'Sequential', [1, 128]],
    ])
    expect(builder.scope).toBe('')
  })

  test('parameters are lifted once, in order of use', () => {
    const module = net()
    const { builder } = trace(module, [1, 1, 6, 6])
    expect([...builder.lifted.keys()]).toEqual(module.parameters())
  })

  test('layers hand their options to their op', () => {
    const nodes = (module: nn.Module): readonly Node[] => trace(module, [1, 4, 9, 9]).nodes
    const window = { stride: [2, 3], padding: [1, 0] } as const
    expect(nodes(new nn.Conv2d(4, 2, 3, window))[0]?.attributes).toEqual({ ...window, precision: 'default', relu: false })
    expect(nodes(new nn.MaxPool2d(3, window))[0]?.attributes).toEqual({ kernelSize: [3, 3], ...window })
    expect(nodes(new nn.AvgPool2d(3, { ...window, countIncludePad: false }))[0]?.attributes).toEqual({
      kernelSize: [3, 3],
      ...window,
      countIncludePad: false,
    })
    expect(nodes(new nn.Conv2d(4, 2, 3, { bias: false }))[0]?.inputs).toHaveLength(2)
  })

  test('dropout drops in training only, with the seed, a use of its own and the counters', () => {
    const module = new nn.Sequential(new nn.Dropout(0.25), new nn.Dropout(), new nn.Dropout(0))
    expect(trace(module, [1, 2]).nodes).toEqual([])
    const { nodes, builder } = trace(module, [1, 2], { training: true, seed: 11, counters: true })
    expect(nodes.map(({ attributes }) => attributes)).toEqual([
      { p: 0.25, seed: 11, use: 0 },
      { p: 0.5, seed: 11, use: 1 },
    ])
    expect(nodes.map(({ inputs }) => inputs[1])).toEqual([builder.counters?.id, builder.counters?.id])
    expect(trace(module, [1, 2], { training: true }).nodes[0]?.inputs).toHaveLength(1)
  })

  test('a shape that does not fit is an error that names the layer', () => {
    const error = (() => {
      try {
        trace(net(), [1, 3, 6, 6])
      } catch (caught) {
        return caught as Error
      }
      throw new Error('nothing was thrown')
    })()
    expect(error).toBeInstanceOf(ShapeError)
    expect(error.message).toBe(
      'layer 0.0, Conv2d(1, 8, 3): conv2d: weight [8, 1, 3, 3] expects 1 input channels; ' + 'x [1, 3, 6, 6] has 3',
    )
  })

  test('of a module with children it names the class', () => {
    const make = (): unknown => trace(new nn.Sequential(new Residual(), new Residual()), [1, 8, 0, 5])
    expect(make).toThrow(/^layer 0.conv, Conv2d\(8, 8, 3, { padding: 1 }\): conv2d: the kernel/)
    class Sum extends Residual {
      override forward(x: Tracer): Tracer {
        return add(x, new nn.Flatten().trace(x, 'flat'))
      }
    }
    expect(() => trace(new nn.Sequential(new Sum()), [1, 8, 5, 5])).toThrow(/^layer 0, Sum: add: b must have shape/)
    expect(() => trace(new Sum(), [1, 8, 5, 5])).toThrow(/^layer Sum: add: b must have shape/)
  })

  test('the scope is restored after an error', () => {
    const builder = new GraphBuilder()
    const x = builder.input({ shape: [1, 3, 6, 6], dtype: 'float32' })
    expect(() => net().trace(x)).toThrow(ShapeError)
    expect(builder.scope).toBe('')
  })

  test('only tracers are traced', () => {
    expect(() => new nn.ReLU().trace(new Float32Array(3) as unknown as Tracer)).toThrow(/call predict\(x\)/)
  })
})

describe('parameters', () => {
  test('keys are those of a state_dict', () => {
    class Net extends nn.Module {
      readonly stem = new nn.Conv2d(1, 8, 3, { bias: false })
      readonly body = new nn.Sequential(new Residual(), new nn.ReLU())
      readonly head = new nn.Linear(8, 2)
      readonly scale = new nn.Parameter([1], init.constant(1))
      forward(x: Tracer): Tracer {
        return x
      }
    }
    expect(keysOf(new Net())).toEqual([
      'scale',
      'stem.weight',
      'body.0.conv.weight',
      'body.0.conv.bias',
      'head.weight',
      'head.bias',
    ])
    expect(keysOf(new nn.Conv2d(1, 1, 1))).toEqual(['weight', 'bias'])
  })

  test('a shared layer has its keys twice and its parameters once', () => {
    const shared = new nn.Linear(3, 3)
    const net = new nn.Sequential(shared, shared)
    expect(keysOf(net)).toEqual(['0.weight', '0.bias', '1.weight', '1.bias'])
    expect(net.parameters()).toHaveLength(2)
  })

  test('materialize draws parameter i from the stream (seed, i), as its initializer has it', async () => {
    const net = new nn.Sequential(new nn.Conv2d(3, 4, 5), new nn.Linear(6, 2)).materialize(undefined, { seed: 9 })
    const [weight, bias, dense] = await valuesOf(net)
    const bound = 1 / Math.sqrt(75)
    const stream = (use: number): Random => new Random(9, use)
    expect(weight).toEqual(init.kaimingUniform({ a: Math.sqrt(5) })([4, 3, 5, 5], stream(0)))
    expect(bias).toEqual(init.uniform(-bound, bound)([4], stream(1)))
    expect(dense).toEqual(init.kaimingUniform({ a: Math.sqrt(5) })([2, 6], stream(2)))
    expect(weight?.every((value) => Math.abs(value) <= Math.fround(bound))).toBe(true)
  })

  test('the same seed gives the same values, another others', async () => {
    const make = (seed?: number): Promise<Float32Array[]> =>
      valuesOf(new nn.Linear(6, 5).materialize(undefined, seed === undefined ? {} : { seed }))
    expect(await make(1)).toEqual(await make(1))
    expect(await make()).toEqual(await make(0))
    expect(await make(1)).not.toEqual(await make(2))
  })

  test('materialize keeps the values that there are', async () => {
    const net = new nn.Linear(6, 5).materialize(undefined, { seed: 1 })
    const before = await valuesOf(net)
    expect(await valuesOf(net.materialize(undefined, { seed: 2 }))).toEqual(before)
  })

  test('read returns a copy, write takes one', async () => {
    const parameter = new nn.Parameter([2], init.zeros())
    parameter.materialize(new Random(0))
    const values = await parameter.read()
    values[0] = 5
    expect([...(await parameter.read())]).toEqual([0, 0])
    await parameter.write(values)
    values[1] = 6
    expect([...(await parameter.read())]).toEqual([5, 0])
  })

  test('wrong values, shapes and uses are typed errors', async () => {
    const parameter = new nn.Parameter([2, undefined], () => new Float32Array(5))
    expect(() => parameter.shape).toThrow(ShapeError)
    expect(() => parameter.shape).toThrow(/the shape \[2, \?\] of a parameter is not known/)
    await expect(parameter.read()).rejects.toThrow(OptionError)
    expect(() => parameter.resolve([3, 3])).toThrow(/has shape \[2, \?\]; received \[3, 3\]/)
    parameter.resolve([2, 3])
    expect(() => parameter.materialize(new Random(0))).toThrow(/shape \[2, 3\] has 6 values; received 5/)
    await expect(parameter.write(new Float64Array(6) as unknown as Float32Array)).rejects.toThrow(
      /values are a Float32Array; received Float64Array/,
    )
    await expect(parameter.write(new Float32Array(5))).rejects.toThrow(ShapeError)
    await expect(parameter.write(new Float32Array(8), [2, 4])).rejects.toThrow(/has shape \[2, 3\]; received \[2, 4\]/)
  })

  test.each([-1, 0.5, NaN])('refuses the seed %p', (seed) => {
    expect(() => new nn.ReLU().materialize(undefined, { seed })).toThrow(OptionError)
  })
})

describe('lazy layers', () => {
  const net = (): nn.Sequential =>
    new nn.Sequential(new nn.LazyConv2d(4, 3), new nn.LazyConv2d(5, 1), new nn.Flatten(), new nn.LazyLinear(2))
  const shapes = (module: nn.Module): (readonly number[])[] => module.parameters().map(({ shape }) => shape)

  test('take their input sizes from the first input', () => {
    const module = net().materialize([7, 3, 5, 5])
    expect(shapes(module)).toEqual([[4, 3, 3, 3], [4], [5, 4, 1, 1], [5], [2, 45], [2]])
    expect(() => module.materialize([7, 1, 5, 5])).toThrow(/expects 3 input channels; x \[7, 1, 5, 5\] has 1/)
  })

  test('have keys but no values before', () => {
    expect(keysOf(net())).toEqual(['0.weight', '0.bias', '1.weight', '1.bias', '3.weight', '3.bias'])
    expect(() => net().materialize()).toThrow(
      new ShapeError(
        "the shape [4, ?, 3, 3] of 0.weight is not known before the input's; call materialize(inputShape)",
      ),
    )
  })

  test('give the values that layers of known size give', async () => {
    const known = new nn.Sequential(
      new nn.Conv2d(3, 4, 3),
      new nn.Conv2d(4, 5, 1),
      new nn.Flatten(),
      new nn.Linear(45, 2),
    )
    const values = await valuesOf(net().materialize([1, 3, 5, 5], { seed: 3 }))
    expect(values).toEqual(await valuesOf(known.materialize(undefined, { seed: 3 })))
  })

  test('forget an input that the network could not take', () => {
    const module = net()
    expect(() => module.materialize([1, 1, 2, 2])).toThrow(ShapeError)
    expect(() => module.materialize([1, 1, 3])).toThrow(ShapeError)
    const narrow = new nn.Sequential(new nn.LazyConv2d(4, 3), new nn.Conv2d(4, 5, 9))
    expect(() => narrow.materialize([1, 1, 5, 5])).toThrow(/layer 1, Conv2d/)
    expect(shapes(narrow.materialize([1, 2, 11, 11]))[0]).toEqual([4, 2, 3, 3])
  })

  test.each([[[1, 3, 0, 5]], [[1, 3, 5.5, 5]], ['224' as unknown as number[]]])(
    'refuse the input shape %p',
    (shape) => {
      expect(() => net().materialize(shape)).toThrow(ShapeError)
    },
  )
})

describe('initialize', () => {
  const rule: nn.InitRule = (name, shape) =>
    name === 'bias' ? init.zeros() : shape[2] === 1 ? init.dirac() : undefined

  test.each([
    ['known', (): nn.Module => new nn.Sequential(new nn.Conv2d(1, 2, 3), new nn.Conv2d(2, 2, 1))],
    ['lazy', (): nn.Module => new nn.Sequential(new nn.LazyConv2d(2, 3), new nn.LazyConv2d(2, 1))],
  ])('asks the rule about each parameter, of %s layers too', async (_, make) => {
    const [weight, bias, identity] = await valuesOf(make().initialize(rule).materialize([1, 1, 5, 5]))
    const [byDefault] = await valuesOf(make().materialize([1, 1, 5, 5]))
    expect(weight).toEqual(byDefault)
    expect([...bias!]).toEqual([0, 0])
    expect([...identity!]).toEqual([1, 0, 0, 1])
  })

  test('replaces the values of those parameters alone', async () => {
    const net = new nn.Linear(3, 2).materialize()
    const [weight] = await valuesOf(net)
    net.initialize((name) => (name === 'bias' ? init.constant(2) : undefined))
    const [same, bias] = await valuesOf(net.materialize(undefined, { seed: 5 }))
    expect(same).toEqual(weight)
    expect([...bias!]).toEqual([2, 2])
  })

  test('tells the rule the layer', () => {
    const layer = new nn.Linear(3, 2)
    const asked: unknown[] = []
    new nn.Sequential(new nn.ReLU(), layer).initialize((...question) => {
      asked.push(question)
      return undefined
    })
    expect(asked).toEqual([
      ['weight', [2, 3], layer],
      ['bias', [2], layer],
    ])
  })
})

describe('printing', () => {
  test.each<[nn.Module, string]>([
    [new nn.Conv2d(1, 96, 11, { stride: 4 }), 'Conv2d(1, 96, 11, { stride: 4 })'],
    [
      new nn.Conv2d(1, 2, [3, 5], { padding: [1, 0], bias: false }),
      'Conv2d(1, 2, [3, 5], { padding: [1, 0], bias: false })',
    ],
    [new nn.Conv2d(1, 2, 3, { stride: [1, 1] }), 'Conv2d(1, 2, 3)'],
    [new nn.LazyConv2d(96, 3), 'LazyConv2d(96, 3)'],
    [new nn.LazyConv2d(96, 3, { padding: 1 }).inferShapes([1, 5, 3, 3]), 'Conv2d(5, 96, 3, { padding: 1 })'],
    [new nn.ReLU(), 'ReLU()'],
    [new nn.MaxPool2d(3, { stride: 2 }), 'MaxPool2d(3, { stride: 2 })'],
    [new nn.AvgPool2d(5), 'AvgPool2d(5)'],
    [
      new nn.AvgPool2d([4, 5], { padding: 1, countIncludePad: false }),
      'AvgPool2d([4, 5], { padding: 1, countIncludePad: false })',
    ],
    [new nn.AdaptiveAvgPool2d(1), 'AdaptiveAvgPool2d(1)'],
    [new nn.AdaptiveAvgPool2d([1, 2]), 'AdaptiveAvgPool2d([1, 2])'],
    [new nn.GlobalAvgPool2d(), 'GlobalAvgPool2d()'],
    [new nn.Dropout(0.3), 'Dropout(0.3)'],
    [new nn.Flatten(), 'Flatten()'],
    [new nn.Linear(3, 2), 'Linear(3, 2)'],
    [new nn.LazyLinear(2, { bias: false }), 'LazyLinear(2, { bias: false })'],
    [new nn.LazyLinear(2, { bias: false }).inferShapes([1, 4]), 'Linear(4, 2, { bias: false })'],
  ])('%s', (module, text) => {
    expect(module.toString()).toBe(text)
  })

  test('a network is a line per layer, also for console.log', () => {
    const net = new nn.Sequential(new nn.Sequential(new nn.ReLU()), new nn.Flatten())
    const text = ['Sequential(', '  (0): Sequential(', '    (0): ReLU()', '  )', '  (1): Flatten()', ')'].join('\n')
    expect(net.toString()).toBe(text)
    expect(inspect(net)).toBe(text)
  })

  test('CrossEntropyLoss', () => {
    expect(new nn.CrossEntropyLoss().toString()).toBe('CrossEntropyLoss()')
  })
})

describe('bad options', () => {
  const bad = <T>(value: unknown): T => value as T
  test.each<[string, () => unknown, RegExp]>([
    [
      'text as channels',
      () => new nn.Conv2d(bad('3'), 5, 3),
      /^Conv2d: inChannels must be an integer >= 1; received "3"$/,
    ],
    ['no channels', () => new nn.Conv2d(0, 5, 3), /inChannels must be an integer >= 1; received 0/],
    ['half channels', () => new nn.Conv2d(1, 2.5, 3), /outChannels must be an integer >= 1; received 2.5/],
    [
      'no kernel',
      () => new nn.Conv2d(1, 2, bad(undefined)),
      /kernelSize must be an integer >= 1 or two .*; received undefined/,
    ],
    ['a kernel of 0', () => new nn.Conv2d(1, 2, 0), /kernelSize must be .*; received 0/],
    [
      'three strides',
      () => new nn.Conv2d(1, 2, 3, { stride: bad([1, 1, 1]) }),
      /stride must be .*; received \[1, 1, 1\]/,
    ],
    ['a stride of 0', () => new nn.LazyConv2d(2, 3, { stride: 0 }), /^LazyConv2d: stride must be .*; received 0/],
    ['negative padding', () => new nn.Conv2d(1, 2, 3, { padding: -1 }), /padding must be .*; received -1/],
    [
      'a stride by position',
      () => new nn.Conv2d(1, 2, 3, bad(2)),
      /options must be an object with stride, padding, bias; received 2/,
    ],
    ['null', () => new nn.Conv2d(1, 2, 3, bad(null)), /options must be an object .*; received null/],
    [
      'an unknown option',
      () => new nn.Conv2d(1, 2, 3, bad({ dilation: 2 })),
      /no option dilation; the options are stride, padding, bias/,
    ],
    ['text as bias', () => new nn.Conv2d(1, 2, 3, { bias: bad('no') }), /bias must be true or false; received "no"/],
    [
      'a stride by position',
      () => new nn.MaxPool2d(3, bad(2)),
      /^MaxPool2d: options must be an object with stride, padding; received 2/,
    ],
    [
      'too much padding',
      () => new nn.MaxPool2d(3, { padding: 2 }),
      /^MaxPool2d: padding must be at most half of kernelSize/,
    ],
    ['an unknown option', () => new nn.MaxPool2d(3, bad({ ceilMode: true })), /no option ceilMode/],
    ['a kernel of NaN', () => new nn.AvgPool2d(NaN), /^AvgPool2d: kernelSize must be .*; received NaN/],
    [
      'text',
      () => new nn.AvgPool2d(3, { countIncludePad: bad('x') }),
      /countIncludePad must be true or false; received "x"/,
    ],
    ['an output of 0', () => new nn.AdaptiveAvgPool2d(0), /^AdaptiveAvgPool2d: outputSize must be .*; received 0/],
    ['p of 1', () => new nn.Dropout(1), /^Dropout: p must be a finite number >= 0 and < 1; received 1$/],
    ['p of NaN', () => new nn.Dropout(NaN), /received NaN/],
    ['no features', () => new nn.Linear(0, 2), /^Linear: inFeatures must be an integer >= 1; received 0/],
    ['NaN features', () => new nn.LazyLinear(NaN), /^LazyLinear: outFeatures must be .*; received NaN/],
    [
      'no module',
      () => new nn.Sequential(new nn.ReLU(), bad('ReLU')),
      /^Sequential: argument 1 must be a module; received "ReLU"/,
    ],
  ])('%s %#', (_, make, message) => {
    expect(make).toThrow(OptionError)
    expect(make).toThrow(message)
  })
})
