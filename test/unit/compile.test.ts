/** Compilation: what the device is asked for, and what compiled graphs compute. */
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { openDevice } from '../../lib/device.js'
import { OptionError, OutOfMemoryError } from '../../lib/errors.js'
import { compile, type CompiledGraph } from '../../lib/graph/compile.js'
import { differentiate } from '../../lib/graph/differentiate.js'
import { byteLength, type Graph } from '../../lib/graph/graph.js'
import { resolveAlias } from '../../lib/graph/simplify.js'
import { GraphBuilder, type Tracer } from '../../lib/graph/trace.js'
import { NiN, optim, tensor, vjp, type Tensor } from '../../lib/index.js'
import type { KernelDescription, NativeDevice, NativeKernel, PlanDescription } from '../../lib/native/binding.js'
import { add } from '../../lib/ops/add.js'
import { conv2d } from '../../lib/ops/conv2d.js'
import { fillOp } from '../../lib/ops/fill.js'
import { flatten } from '../../lib/ops/flatten.js'
import { linear } from '../../lib/ops/linear.js'
import { maxPool2d } from '../../lib/ops/maxPool2d.js'
import { relu } from '../../lib/ops/relu.js'
import { flatLayout } from '../../lib/trainer/flat.js'
import { trainingStep } from '../../lib/trainer/step.js'
import * as reference from '../reference/autodiff.js'
import { integerData } from '../reference/data.js'
import { map, type RefTensor, type Shape4 } from '../reference/tensor.js'
import { expectClose } from '../reference/tolerance.js'
import { playPlan } from './playPlan.js'
import { floatingTypes, type Floating } from '../bfloat16.js'

// ---- What the device is asked for

const unused = (): never => {
  throw new Error('compile has no need of this')
}

/** A device that writes down what it is asked for. Convolutions pack their weights, opaque outputs have 96 bytes. */
function fakeDevice(): NativeDevice & { readonly asked: KernelDescription[]; plan: PlanDescription | undefined } {
  const kernel = (description: KernelDescription): NativeKernel => ({
    workspaceBytes: description.op === 'conv2d' ? 500 : 0,
    outputBytes: description.outputs.map((output) => (output.dtype === 'opaque' ? 96 : byteLength(output))),
    packs:
      description.op === 'conv2d'
        ? [{ input: 1, bytes: 1000, kernel: { workspaceBytes: 0, outputBytes: [1000], packs: [], implementation: '' } }]
        : [],
    implementation: '',
  })
  return {
    threads: 1,
    asked: [],
    plan: undefined,
    createKernels(descriptions) {
      this.asked.push(...descriptions)
      return Promise.resolve(descriptions.map(kernel))
    },
    createPlan(description) {
      this.plan = description
      return { run: unused, profile: unused, cancel: unused }
    },
    freeBytes: () => 1e6,
    createBuffer: unused,
    write: unused,
    read: unused,
    measurePeaks: unused,
    dispose: unused,
  }
}

const float = (builder: GraphBuilder, ...shape: number[]): Tracer => builder.input({ shape, dtype: 'float32' })

async function compiled(graph: Graph, repeat = 1): Promise<{ compiled: CompiledGraph; plan: PlanDescription }> {
  const device = fakeDevice()
  const result = await compile(graph, 'onednn', device, { repeat })
  return { compiled: result, plan: device.plan! }
}

const lines = (graph: Graph): string[] => graph.nodes.map(({ stage, op }) => `${stage}: ${op}`)

describe('compile', () => {
  test('binds the arena first, then inputs, then outputs', async () => {
    const builder = new GraphBuilder()
    const [x, w] = [float(builder, 2, 3, 4, 4), float(builder, 5, 3, 3, 3)]
    const { plan, compiled: result } = await compiled(builder.build([relu(conv2d(x, w))]))
    // Packed weights, 1000 bytes, and the workspace, 500, each at a cache line.
    expect(result.memory.arenaBytes).toBe(1024 + 512)
    expect(plan.slots).toEqual([1024 + 512, 4 * 96, 4 * 135, 4 * 40])
    expect(lines(result.graph)).toEqual(['body: pack', 'body: conv2d'])
    const [pack, convolution] = plan.stages.flatMap(({ kernels }) => kernels)
    const packed = pack!.outputs[0]!
    expect(pack!.inputs).toEqual([{ slot: 2, byteOffset: 0 }])
    expect(convolution).toMatchObject({ inputs: [{ slot: 1, byteOffset: 0 }, packed], outputs: [{ slot: 3, byteOffset: 0 }] })
    expect(convolution!.workspace!.slot).toBe(0)
    expect(new Set([packed.byteOffset, convolution!.workspace!.byteOffset]).size).toBe(2)
  })

  test('keeps packed weights in a slot of their own, with a plan that does not pack them', async () => {
    const builder = new GraphBuilder()
    const [x, w] = [float(builder, 2, 3, 4, 4), float(builder, 5, 3, 3, 3)]
    const device = fakeDevice()
    const result = await compile(builder.build([conv2d(x, w)]), 'onednn', device, { keepsPacked: true })
    expect(result.packed).toMatchObject({ bytes: 1024, sources: [1] })
    expect(result.written).toEqual([2])
    // The plan that was made last.
    expect(device.plan!.slots).toEqual([512, 4 * 96, 4 * 135, 4 * 40, 1024])
    const [convolution, ...others] = device.plan!.stages.flatMap(({ kernels }) => kernels)
    expect(others).toEqual([])
    expect(convolution!.inputs[1]).toEqual({ slot: 4, byteOffset: 0 })
  })

  test('asks for fused kernels of the right shapes', async () => {
    const builder = new GraphBuilder()
    const [x, w, b] = [float(builder, 2, 3, 4, 4), float(builder, 5, 3, 3, 3), float(builder, 5)]
    const device = fakeDevice()
    await compile(builder.build([relu(conv2d(x, w, b, { padding: 1 }))]), 'onednn', device)
    expect(device.asked).toEqual([
      {
        op: 'conv2d',
        attributes: { stride: [1, 1], padding: [1, 1], precision: 'default', relu: true },
        inputs: [
          { shape: [2, 3, 4, 4], dtype: 'float32' },
          { shape: [5, 3, 3, 3], dtype: 'float32' },
          { shape: [5], dtype: 'float32' },
        ],
        outputs: [{ shape: [2, 5, 4, 4], dtype: 'float32' }],
      },
    ])
  })

  test('packs weights from outside once for all micro-batches, computed ones where they are used', async () => {
    const builder = new GraphBuilder()
    const [x, w] = [float(builder, 2, 3, 4, 4), float(builder, 3, 3, 3, 3)]
    const y = conv2d(conv2d(x, w, undefined, { padding: 1 }), relu(w), undefined, { padding: 1 })
    const { compiled: result, plan } = await compiled(builder.build([y]), 4)
    expect(lines(result.graph).sort()).toEqual([
      'body: conv2d',
      'body: conv2d',
      'body: pack',
      'body: relu',
      'prologue: pack',
    ])
    expect(lines(result.graph)[0]).toBe('prologue: pack')
    expect(plan.stages.map(({ repeat, kernels }) => [repeat, kernels.length])).toEqual([
      [1, 1],
      [4, 4],
      [1, 0],
    ])
  })

  test('packs in front of each kernel where there is one micro-batch, so that the packed share memory', async () => {
    const builder = new GraphBuilder()
    const [x, w, v] = [float(builder, 2, 3, 4, 4), float(builder, 3, 3, 3, 3), float(builder, 3, 3, 3, 3)]
    const y = conv2d(conv2d(x, w, undefined, { padding: 1 }), v, undefined, { padding: 1 })
    const { compiled: result } = await compiled(builder.build([y]))
    expect(lines(result.graph)).toEqual(['body: pack', 'body: conv2d', 'body: pack', 'body: conv2d'])
    const packed = result.graph.nodes.filter(({ op }) => op === 'pack').map(({ outputs }) => result.memory.offsets.get(outputs[0]!))
    expect(packed[0]).toBe(packed[1])
  })

  test('packs weights within a larger buffer', async () => {
    const builder = new GraphBuilder()
    const [x, flat] = [float(builder, 2, 3, 4, 4), float(builder, 1000)]
    const w = builder.view(flat, 256, { shape: [3, 3, 3, 3], dtype: 'float32' })
    const { compiled: result, plan } = await compiled(builder.build([conv2d(x, w)]), 2)
    expect(lines(result.graph)[0]).toBe('prologue: pack')
    expect(plan.stages[0]!.kernels[0]!.inputs).toEqual([{ slot: 2, byteOffset: 256 }])
  })

  test('tells the reader of an opaque value its size', async () => {
    const device = fakeDevice()
    await compile(poolingWithGradient(), 'onednn', device)
    expect(device.asked.map(({ op }) => op)).toEqual(['maxPool2d', 'maxPool2dBackward'])
    expect(device.asked[1]!.inputs[1]).toEqual({ shape: [96], dtype: 'opaque' })
  })

  test('places views within what they are views of', async () => {
    const builder = new GraphBuilder()
    const x = float(builder, 4, 6)
    const second = builder.view(relu(x), 48, { shape: [2, 6], dtype: 'float32' })
    const { plan } = await compiled(builder.build([relu(second)]))
    const [first, last] = plan.stages[1]!.kernels
    expect(last!.inputs).toEqual([{ slot: 0, byteOffset: first!.outputs[0]!.byteOffset + 48 }])
  })

  test('orders nodes by stage', async () => {
    const builder = new GraphBuilder()
    const x = float(builder, 2, 3)
    builder.stage = 'epilogue'
    const last = relu(x)
    builder.stage = 'body'
    const middle = relu(x)
    builder.stage = 'prologue'
    builder.apply(fillOp, { value: 0, outputShape: [2] }, [])
    const first = relu(x)
    const { compiled: result } = await compiled(builder.build([last, middle, first]))
    expect(lines(result.graph)).toEqual(['prologue: relu', 'body: relu', 'epilogue: relu'])
  })

  test('rejects with the error of the kernel that cannot be made, or with that of a value larger than the memory', async () => {
    const error = new OptionError('conv2d: too large')
    const device = { ...fakeDevice(), createKernels: () => Promise.reject(error) }
    const builder = new GraphBuilder()
    await expect(compile(builder.build([relu(float(builder, 2, 3))]), 'onednn', device)).rejects.toBe(error)
    const million = builder.build([relu(float(builder, 1000, 1000))])
    await expect(compile(million, 'onednn', device)).rejects.toThrow(OutOfMemoryError)
  })
})

/** Max pooling and its gradient, which reads the opaque index. */
function poolingWithGradient(): Graph {
  const builder = new GraphBuilder()
  const x = float(builder, 2, 3, 4, 4)
  const y = maxPool2d(x, 2)
  const [dx] = differentiate(builder, [[y, float(builder, ...y.shape)]], [x])
  return builder.build([y, dx!])
}

// ---- Training steps

const trainingSteps: readonly [Floating, number, number][] = [
  ['float32', 4, 1],
  ['float32', 4, 4],
  ['bfloat16', 8, 2],
]

describe.each(trainingSteps.filter(([dtype]) => floatingTypes.includes(dtype)))('a training step of NiN in %s, %i samples, %i at a time', (dtype, batchSize, microBatch) => {
  test.each(['d2l', 'no-last-relu'] as const)('%s: the real kernels find what was written for them', async (variant) => {
    const net = new NiN({ variant, channels: [4, 6, 8], numClasses: 5 }).materialize()
    const data = {
      images: { shape: [10, 1, 28, 28], dtype: 'uint8' },
      size: [75, 75],
      mean: [0],
      std: [1],
      orderLength: 10,
    } as const
    const optimizer = optim.SGD({ lr: 0.1, momentum: 0.9 })
    const options = { data, classes: 5, batchSize, microBatch, dtype, seed: 0, precision: 'default' } as const
    const { graph, repeat } = trainingStep(net, flatLayout(net), options, optimizer, 10)
    expect(repeat).toBe(batchSize / microBatch)
    const device = openDevice('cpu')
    const result = await compile(graph, device.backend, device.native, { repeat })
    playPlan(result.graph, result.workspaceBytesOf, result.memory)
    // All values but those from outside are in the arena.
    for (const id of result.graph.nodes.flatMap(({ outputs }) => outputs)) {
      const { base } = resolveAlias(result.graph.values, id)
      expect(result.memory.offsets.has(base)).toBe(!graph.inputs.includes(base))
    }
  })
})

// ---- What compiled graphs compute

/** One whose layouts differ, and two for which flattening is a view. */
const shapes: readonly Shape4[] = [
  [2, 3, 4, 4],
  [2, 3, 1, 1],
  [3, 1, 5, 2],
]

/** The functions that programs are made of: on images, on rows, and on both. */
interface Functions<V> {
  readonly convolution: (image: V, weights: Weights<V>) => V
  readonly maxPool: (image: V) => V
  readonly flatten: (image: V) => V
  readonly dense: (row: V, weights: Weights<V>) => V
  readonly relu: (x: V) => V
  readonly add: (a: V, b: V) => V
}

interface Weights<V> {
  readonly kernel: V
  readonly kernelBias: V
  readonly matrix: V
  readonly matrixBias: V
}

const traced: Functions<Tracer> = {
  convolution: (x, { kernel, kernelBias }) => conv2d(x, kernel, kernelBias, { padding: 1 }),
  maxPool: (x) => maxPool2d(x, 3, { stride: 1, padding: 1 }),
  flatten,
  dense: (x, { matrix, matrixBias }) => linear(x, matrix, matrixBias),
  relu,
  add,
}

const expected: Functions<reference.Variable> = {
  convolution: (x, { kernel, kernelBias }) => reference.conv2d(x, kernel, kernelBias, { stride: [1, 1], padding: [1, 1] }),
  maxPool: (x) => reference.maxPool2d(x, { kernelSize: [3, 3], stride: [1, 1], padding: [1, 1] }),
  flatten: reference.flatten,
  dense: (x, { matrix, matrixBias }) => reference.linear(x, matrix, matrixBias),
  relu: reference.relu,
  add: reference.add,
}

const programs = fc.record({
  shape: fc.constantFrom(...shapes),
  steps: fc.array(
    fc.record({
      fn: fc.constantFrom('convolution', 'maxPool', 'flatten', 'dense', 'relu', 'relu', 'add'),
      /** Which values are read, counted from the last one; mostly late ones, so that programs are deep. */
      reads: fc.tuple(fc.nat(2), fc.nat(5)),
      /** For what takes either, whether images or rows. */
      onRows: fc.boolean(),
      /** Which of two sets of weights. */
      second: fc.boolean(),
    }),
    { minLength: 1, maxLength: 12 },
  ),
  outputs: fc.array(fc.nat(3), { minLength: 1, maxLength: 3 }),
  seed: fc.nat(),
})

type Program = typeof programs extends fc.Arbitrary<infer T> ? T : never

/** Runs a program on two images and two sets of weights. Steps that find nothing to read do nothing. */
function execute<V extends object>({ steps, outputs }: Program, functions: Functions<V>, inputs: readonly V[]): V[] {
  const [x0, x1, ...rest] = inputs as [V, V, ...V[]]
  const sets = [0, 4].map((first) => {
    const [kernel, kernelBias, matrix, matrixBias] = rest.slice(first) as [V, V, V, V]
    return { kernel, kernelBias, matrix, matrixBias }
  }) as [Weights<V>, Weights<V>]
  const [images, rows, made] = [[x1, x0], [] as V[], [x1, x0]]
  const fromLast = (values: readonly V[], back: number): V => values[values.length - 1 - (back % values.length)]!
  for (const { fn, reads, onRows, second } of steps) {
    const from = fn === 'dense' || (onRows && (fn === 'relu' || fn === 'add')) ? rows : images
    if (from.length === 0) continue
    const [a, b] = [fromLast(from, reads[0]), fromLast(from, reads[1])]
    const weights = sets[second ? 1 : 0]
    const result = fn === 'add' ? functions.add(a, b) : functions[fn](a, weights)
    ;(fn === 'flatten' ? rows : from).push(result)
    made.push(result)
  }
  return outputs.map((output) => fromLast(made, output))
}

test('any composition computes and differentiates exactly what its parts do', async () => {
  await fc.assert(
    fc.asyncProperty(programs, async (program) => {
      const { shape, seed } = program
      const [, channels, height, width] = shape
      const features = channels * height * width
      const weightShapes: (readonly number[])[] = [[channels, channels, 3, 3], [channels], [features, features], [features]]
      const inputs = [shape, shape, ...weightShapes, ...weightShapes].map((each, stream) =>
        // Few and small weights, so that sums stay exact.
        map(integerData(each, seed, stream), (value) => (stream < 2 ? value : Math.trunc(value / 3))),
      )
      const variables = inputs.map(reference.variable)
      const results = execute(program, expected, variables)
      const cotangents = results.map(({ value }, i) => integerData(value.shape, seed, 100 + i))
      const expectedGradients = reference.gradientsOf(results.map((output, i) => [output, cotangents[i]!]))
      const all = [...results.map(({ value }) => value), ...expectedGradients.values()]
      fc.pre(all.every(({ data }) => data.every((value) => Math.abs(value) < 2 ** 20)))

      const tensors = await Promise.all(inputs.map(upload))
      const flowing = await Promise.all(cotangents.map(upload))
      const fn = (...tracers: Tracer[]): Tracer[] => execute(program, traced, tracers)
      const { outputs, gradients } = await vjp(fn, tensors, flowing)
      for (const [i, { value }] of results.entries()) expectClose(await floats(outputs[i]!), value, 'exact')
      for (const [i, input] of variables.entries()) {
        const gradient = gradients[i]
        const expectedGradient = expectedGradients.get(input)
        expect(gradient === undefined).toBe(expectedGradient === undefined)
        if (gradient && expectedGradient) expectClose(await floats(gradient), expectedGradient, 'exact')
      }
    }),
    { numRuns: 60 },
  )
})

const upload = ({ shape, data }: RefTensor): Promise<Tensor> => tensor(Float32Array.from(data), shape)
const floats = async (result: Tensor): Promise<Float32Array> => (await result.data()) as Float32Array
