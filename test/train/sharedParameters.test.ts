/** Parameters that a network uses more than once have the sum of their gradients, in the trainer as in `vjp`. */
import { describe, expect, test } from '@jest/globals'
import {
  add,
  conv2d,
  crossEntropy,
  flatten,
  linear,
  maxPool2d,
  nn,
  optim,
  relu,
  tensor,
  vjp,
  type Tracer,
} from '../../lib/index.js'
import type { Parameter } from '../../lib/nn/parameter.js'
import * as reference from '../reference/autodiff.js'
import type { Variable } from '../reference/autodiff.js'
import { tensor as refTensor } from '../reference/tensor.js'
import { expectClose } from '../reference/tolerance.js'
import { useTemporaryFolder } from '../temporaryFolder.js'
import { fit, toyClasses, toyData, valuesOf } from './toy.js'

const path = useTemporaryFolder()

/** The functions that networks are made of, on tracers and in float64. */
interface Functions<V> {
  readonly conv2d: (x: V, w: V, b: V, padding: number) => V
  readonly linear: (x: V, w: V, b: V) => V
  readonly relu: (x: V) => V
  readonly add: (a: V, b: V) => V
  readonly pool: (x: V) => V
  readonly flatten: (x: V) => V
}

const traced: Functions<Tracer> = {
  conv2d: (x, w, b, padding) => conv2d(x, w, b, { padding }),
  linear,
  relu,
  add,
  pool: (x) => maxPool2d(x, 3),
  flatten,
}

const inFloat64: Functions<Variable> = {
  conv2d: (x, w, b, padding) => reference.conv2d(x, w, b, { stride: [1, 1], padding: [padding, padding] }),
  linear: reference.linear,
  relu: reference.relu,
  add: reference.add,
  pool: (x) => reference.maxPool2d(x, { kernelSize: [3, 3], stride: [3, 3], padding: [0, 0] }),
  flatten: reference.flatten,
}

interface Layer<V> {
  readonly w: V
  readonly b: V
}

/** What networks may use: each part any number of times. */
interface Parts<V> {
  /** 1 -> 3 channels, 3x3. */
  readonly stem: Layer<V>
  /** 3 -> 3 channels, 3x3. */
  readonly middle: Layer<V>
  /** 3 -> 3 channels, 1x1. */
  readonly point: Layer<V>
  /** 27 features -> classes. */
  readonly head: Layer<V>
}

const partNames = ['stem', 'middle', 'point', 'head'] as const

/** From a 9x9 image to logits, with something done to the 3 channels. */
const network =
  (body: <V>(f: Functions<V>, x: V, parts: Parts<V>) => V) =>
  <V>(f: Functions<V>, x: V, parts: Parts<V>): V => {
    const { stem, head } = parts
    const channels = f.relu(f.conv2d(x, stem.w, stem.b, 1))
    return f.linear(f.flatten(f.pool(body(f, channels, parts))), head.w, head.b)
  }

const networks: Record<string, <V>(f: Functions<V>, x: V, parts: Parts<V>) => V> = {
  'nothing shared': network((f, x, { middle }) => f.relu(f.conv2d(x, middle.w, middle.b, 1))),
  'a layer used twice': network((f, x, { middle: { w, b } }) => f.relu(f.conv2d(f.relu(f.conv2d(x, w, b, 1)), w, b, 1))),
  'a layer used three times, side by side and one after the other': network((f, x, { middle: { w, b } }) => {
    const y = f.conv2d(x, w, b, 1)
    return f.add(f.conv2d(f.relu(y), w, b, 1), f.conv2d(x, w, b, 1))
  }),
  'one weight of two convolutions': network((f, x, { middle, point }) =>
    f.conv2d(f.relu(f.conv2d(x, middle.w, middle.b, 1)), middle.w, point.b, 1),
  ),
  'one bias of two convolutions': network((f, x, { middle, point }) =>
    f.relu(f.conv2d(f.relu(f.conv2d(x, middle.w, middle.b, 1)), point.w, middle.b, 0)),
  ),
  'one bias of three layers, one of which is used twice': network((f, x, { stem, middle, point }) => {
    const y = f.relu(f.conv2d(x, middle.w, stem.b, 1))
    return f.relu(f.conv2d(f.conv2d(y, point.w, stem.b, 0), middle.w, stem.b, 1))
  }),
  'parts that are not used': network((_f, x) => x),
  'two biases added, which have the same gradient': network((f, x, { middle, point }) =>
    f.conv2d(x, middle.w, f.add(point.b, middle.b), 1),
  ),
  'a bias added to itself': network((f, x, { middle, point }) =>
    f.add(f.conv2d(x, middle.w, f.add(point.b, middle.b), 1), f.conv2d(x, point.w, f.add(point.b, point.b), 0)),
  ),
}

/** A network whose forward is one of the functions above. */
class Network extends nn.Module {
  readonly stem = new nn.Conv2d(1, 3, 3)
  readonly middle = new nn.Conv2d(3, 3, 3)
  readonly point = new nn.Conv2d(3, 3, 1)
  readonly head = new nn.Linear(27, toyClasses)

  constructor(private readonly compute: (typeof networks)[string]) {
    super()
  }

  forward(x: Tracer): Tracer {
    const layer = ({ weight, bias }: { weight: Parameter; bias: Parameter | undefined }): Layer<Tracer> => {
      return { w: x.lift(weight), b: x.lift(bias!) }
    }
    const [stem, middle, point, head] = [this.stem, this.middle, this.point, this.head].map(layer) as [
      Layer<Tracer>,
      Layer<Tracer>,
      Layer<Tracer>,
      Layer<Tracer>,
    ]
    return this.compute(traced, x, { stem, middle, point, head })
  }
}

const size = 9
const train = toyData(8, size)
const labels = [...train.labels]
const inputs = refTensor(
  Float64Array.from(train.images, (value) => Math.fround(value / 255)),
  [8, 1, size, size],
)

/** Loss and gradients in float64. */
async function expected(net: Network, compute: (typeof networks)[string]) {
  const state = await net.stateDict()
  const variables = new Map([...state].map(([key, { shape, data }]) => [key, reference.variable(refTensor(data, shape))]))
  const layer = (name: string): Layer<Variable> => ({ w: variables.get(`${name}.weight`)!, b: variables.get(`${name}.bias`)! })
  const [stem, middle, point, head] = partNames.map(layer) as [Layer<Variable>, Layer<Variable>, Layer<Variable>, Layer<Variable>]
  const logits = compute(inFloat64, reference.variable(inputs), { stem, middle, point, head })
  const loss = reference.crossEntropy(logits, labels)
  const gradients = reference.gradientsOf([[loss, refTensor([1], [1])]])
  return {
    loss: loss.value,
    gradients: new Map([...variables].map(([key, variable]) => [key, gradients.get(variable)])),
  }
}

describe.each(Object.entries(networks))('%s:', (_, compute) => {
  test.each([8, 4, 1])('one step of the trainer in micro-batches of %i is that of float64', async (microBatch) => {
    const net = new Network(compute).materialize([1, 1, size, size])
    const before = await valuesOf(net)
    const { loss, gradients } = await expected(net, compute)
    // A step of 1: what the parameters lost is the gradient. What was not used has none, and stays.
    const options = { optimizer: optim.SGD({ lr: 1 }), batchSize: 8, microBatch, epochs: 1 }
    const { epochs, parameters } = await fit(net, train, options)
    expectClose([epochs[0]!.loss], loss, 'float32')
    for (const [key, gradient] of gradients) {
      const after = before[key]!.map((value, e) => value - (gradient?.data[e] ?? 0))
      expectClose(parameters[key]!, after, gradient ? 'float32' : 'exact')
    }
  })

  test('vjp gives the same', async () => {
    const net = new Network(compute).materialize([1, 1, size, size])
    const { loss, gradients } = await expected(net, compute)
    const named = net.namedParameters()
    const { outputs, parameterGradients } = await vjp(
      (x: Tracer, y: Tracer) => crossEntropy(net.trace(x), y),
      [await tensor(Float32Array.from(inputs.data), inputs.shape), await tensor(train.labels, [8])],
      [await tensor(Float32Array.of(1), [1])],
      { parameters: named.map(([, parameter]) => parameter) },
    )
    expectClose((await outputs[0]!.data()) as Float32Array, loss, 'float32')
    for (const [i, [key]] of named.entries()) {
      const gradient = gradients.get(key)
      expect(parameterGradients[i] === undefined).toBe(gradient === undefined)
      if (gradient) expectClose((await parameterGradients[i]!.data()) as Float32Array, gradient, 'float32')
    }
  })
})

test('a module that is there twice is trained once, saved twice, and resumed to the bit', async () => {
  const twice = (): nn.Sequential => {
    const shared = new nn.Conv2d(3, 3, 3, { padding: 1 })
    const layers = [new nn.Conv2d(1, 3, 3), shared, new nn.ReLU(), shared]
    return new nn.Sequential(...layers, new nn.AdaptiveAvgPool2d(1), new nn.Flatten(), new nn.Linear(3, toyClasses))
  }
  const net = twice()
  const { parameters } = await fit(net, train, { epochs: 4, batchSize: 4 })
  expect(net.parameters()).toHaveLength(6)
  expect(Object.keys(parameters)).toHaveLength(8)
  expect(parameters['3.weight']).toEqual(parameters['1.weight'])

  const checkpoint = path('checkpoint')
  await fit(twice(), train, { epochs: 2, batchSize: 4, checkpoint })
  const resumed = await fit(twice(), train, { epochs: 4, batchSize: 4 }, { resume: checkpoint })
  expect(resumed.parameters).toEqual(parameters)
})
