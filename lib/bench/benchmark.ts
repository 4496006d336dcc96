/** Timing one layer, in this process. */
import { requireInteger, requireOneOf } from '../check.js'
import { guardAsync, resolveDevice, type Device, type DeviceName } from '../device.js'
import { OptionError } from '../errors.js'
import { compile } from '../graph/compile.js'
import { differentiate } from '../graph/differentiate.js'
import { mutated } from '../graph/fuse.js'
import { byteLength, elementCount, type TensorSpec } from '../graph/graph.js'
import { simplify } from '../graph/simplify.js'
import { GraphBuilder } from '../graph/trace.js'
import { flopsOf, sum } from '../nn/cost.js'
import { activationTypes } from '../ops/op.js'
import { Random } from '../random.js'
import { Tensor } from '../tensor.js'
import { resolvePrecision, type Precision } from '../trainer/options.js'
import { applyLayer, directionsOf, inputsOf, parametersOf, parseLayer, type LayerInput } from './layer.js'

/** `backward` is the gradients of all inputs, and what they need of forward. */
export type Direction = 'forward' | 'backward'
export const directions: readonly Direction[] = ['forward', 'backward']

export interface BenchmarkOptions {
  /** Default `forward`. */
  readonly direction?: Direction
  /** Of the activations, `tfloat32` on GPUs only. Default `float32`. */
  readonly dtype?: Precision
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
  /** What must at least be read and written: all inputs and results, and what is updated in place. */
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
  const { repeats = 5, seconds = 0.1, signal } = options
  const direction = requireOneOf('benchmark', 'direction', options.direction ?? 'forward', directions)
  requireInteger('benchmark', 'repeats', repeats, 1)
  if (!(seconds >= 0 && seconds <= 3600)) throw new OptionError('benchmark: seconds must be a number from 0 to 3600')
  const device = resolveDevice(options.device)
  const { dtype, precision } = resolvePrecision('benchmark', options, device)

  if (!directionsOf(parsed).includes(direction)) throw new OptionError(`benchmark: ${parsed.kind} has no ${direction}`)

  const builder = new GraphBuilder({ training: true, precision })
  const inputs = inputsOf(parsed, dtype).map((spec) => builder.input(spec))
  const outputs = applyLayer(parsed, inputs)
  if (direction === 'backward') {
    const [y] = outputs
    const wanted = inputs.filter(isFloat)
    const dy = builder.input(y!)
    inputs.push(dy)
    const gradients = differentiate(builder, [[y!, dy]], wanted)
    outputs.splice(0, 1, ...gradients.filter((gradient) => gradient !== undefined))
  }
  // Without what no result needs, such as a convolution's own output in backward.
  const graph = simplify(builder.build(outputs))
  const compiled = await guardAsync(() => compile(graph, device.backend, device.native))

  const random = new Random(0)
  const owned: Tensor[] = []
  const own = (made: Tensor): Tensor => (owned.push(made), made)
  try {
    for (const spec of inputs) {
      const tensor = own(Tensor.zeros(device, spec.shape, spec.dtype))
      if (!isFloat(spec)) continue
      await tensor.assign(Float32Array.from({ length: elementCount(spec.shape) }, () => 2 * random.float() - 1))
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
    const bound = sum(owned.map(byteLength))
    return {
      seconds: samples,
      flops: sum(graph.nodes.map((node) => flopsOf(graph, node))),
      bytes: bound + sum(graph.nodes.flatMap(mutated).map((id) => byteLength(graph.values[id]!))),
      parameters: parametersOf(parsed),
      memory: bound + compiled.memory.arenaBytes,
    }
  } finally {
    for (const made of owned) made.dispose()
  }
}

const isFloat = ({ dtype }: TensorSpec): boolean => activationTypes.includes(dtype)
