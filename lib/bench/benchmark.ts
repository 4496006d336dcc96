/** Timing one layer, in this process. */
import { requireInteger, requireOneOf } from '../check.js'
import { guardAsync, resolveDevice, type Device, type DeviceName } from '../device.js'
import { OptionError } from '../errors.js'
import { compile } from '../graph/compile.js'
import { differentiate } from '../graph/differentiate.js'
import { byteLength, elementCount } from '../graph/graph.js'
import { simplify } from '../graph/simplify.js'
import { GraphBuilder } from '../graph/trace.js'
import { flopsOf } from '../nn/cost.js'
import { Random } from '../random.js'
import { Tensor } from '../tensor.js'
import { applyLayer, inputsOf, parseLayer, shapesOf, type LayerInput } from './layer.js'

/** `backward` is the gradients of all inputs, and what they need of forward. */
export type Direction = 'forward' | 'backward'
export const directions: readonly Direction[] = ['forward', 'backward']

export interface BenchmarkOptions {
  /** Default `forward`. */
  readonly direction?: Direction
  /** Of the activations. Default `float32`. */
  readonly dtype?: 'float32' | 'bfloat16'
  /** Default `auto`. */
  readonly device?: Device | DeviceName
  /** Timed samples. Default 5. */
  readonly repeats?: number
  /** Least seconds that one sample takes; it is as many runs as that needs. Default 0.1. */
  readonly seconds?: number
  readonly signal?: AbortSignal
}

/** What one layer costs. */
export interface LayerTiming {
  /** Of one run, a number per sample. Weights are brought into the kernel's own layout in each run, as in each step. */
  readonly seconds: readonly number[]
  /** A multiply-add is two. */
  readonly flops: number
  /** What must at least be read and written: all inputs and results. */
  readonly bytes: number
  readonly parameters: number
  /** Bytes of inputs, results and what lies between them. */
  readonly memory: number
}

/**
 * Times a layer of given sizes: the compiled plan runs many times per native call, on random data; a warm-up is not timed.
 *
 * @example await benchmark({ kind: 'conv2d', input: [64, 96, 54, 54], outChannels: 96, kernelSize: 1 })
 * @throws OptionError, ShapeError, DeviceError, OutOfMemoryError; the signal's reason if it is aborted
 */
export async function benchmark(layer: LayerInput, options: BenchmarkOptions = {}): Promise<LayerTiming> {
  const parsed = parseLayer(layer)
  const { dtype = 'float32', repeats = 5, seconds = 0.1, signal } = options
  requireOneOf('benchmark', 'dtype', dtype, ['float32', 'bfloat16'])
  const direction = requireOneOf('benchmark', 'direction', options.direction ?? 'forward', directions)
  requireInteger('benchmark', 'repeats', repeats, 1)
  if (!(seconds >= 0 && seconds <= 3600)) throw new OptionError('benchmark: seconds must be a number from 0 to 3600')
  const device = resolveDevice(options.device)

  const builder = new GraphBuilder({ training: true })
  const inputs = inputsOf(parsed, dtype).map((spec) => builder.input(spec))
  const y = applyLayer(parsed, inputs)
  const outputs = [y]
  if (direction === 'backward') {
    const dy = builder.input(y)
    inputs.push(dy)
    const gradients = differentiate(builder, [[y, dy]], inputs.slice(0, -1))
    outputs.splice(0, 1, ...gradients.filter((gradient) => gradient !== undefined))
  }
  const graph = builder.build(outputs)
  // Without what no result needs, such as a convolution's own output in backward.
  const simplified = simplify(graph)
  const compiled = await guardAsync(() => compile(graph, device.backend, device.native))

  const random = new Random(0)
  const owned: Tensor[] = []
  const own = (made: Tensor): Tensor => (owned.push(made), made)
  try {
    for (const { shape, dtype: type } of inputs) {
      const values = Float32Array.from({ length: elementCount(shape) }, () => 2 * random.float() - 1)
      own(await Tensor.from(values, shape, { dtype: type, device }))
    }
    for (const { shape, dtype: type } of outputs) own(Tensor.zeros(device, shape, type))
    const bindings = owned.map(({ binding }) => binding)
    const time = async (runs: number): Promise<number> => {
      const start = performance.now()
      await device.run(compiled, runs, bindings, signal)
      signal?.throwIfAborted()
      return (performance.now() - start) / 1000
    }
    await time(2)
    let runs = 1
    for (let took = await time(runs); took < seconds; took = await time(runs)) {
      runs = Math.ceil(runs * Math.min(10, Math.max(1.2, (1.1 * seconds) / took)))
    }
    const samples: number[] = []
    while (samples.length < repeats) samples.push((await time(runs)) / runs)
    const bytes = owned.reduce((sum, { shape, dtype: type }) => sum + byteLength({ shape, dtype: type }), 0)
    return {
      seconds: samples,
      flops: simplified.nodes.reduce((sum, node) => sum + flopsOf(simplified, node), 0),
      bytes,
      parameters: shapesOf(parsed).parameters.reduce((sum, shape) => sum + elementCount(shape), 0),
      memory: bytes + compiled.memory.arenaBytes,
    }
  } finally {
    for (const made of owned) made.dispose()
  }
}
