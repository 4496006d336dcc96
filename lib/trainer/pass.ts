/** Passes over data: compiled steps with what they are bound to. */
import { guardAsync, type Binding, type Device } from '../device.js'
import { compile, type CompiledGraph } from '../graph/compile.js'
import type { ValueId } from '../graph/graph.js'
import type { Tensor } from '../tensor.js'
import type { Step, StepInput } from './step.js'

/** A compiled step and its bindings. */
export interface BoundStep {
  readonly compiled: CompiledGraph
  readonly bindings: readonly Binding[]
}

/** Compiles a step and binds its inputs, by name or as what the module closes over. */
export async function bindStep(
  device: Device,
  { graph, repeat, inputs, lifted }: Step,
  named: Readonly<Partial<Record<StepInput, Tensor>>>,
): Promise<BoundStep> {
  const compiled = await guardAsync(() => compile(graph, device.backend, device.native, { repeat }))
  const byId = new Map<ValueId, Tensor>()
  for (const { name, id } of inputs) byId.set(id, named[name]!)
  for (const { liftable, id } of lifted) byId.set(id, await liftable.onDevice(device))
  return { compiled, bindings: graph.inputs.map((id) => byId.get(id)!.binding) }
}

/** All samples of a data set once: whole steps, then one of what is left. */
export class Pass {
  readonly steps: number

  private constructor(
    private readonly device: Device,
    private readonly wholeSteps: number,
    private readonly whole: BoundStep | undefined,
    private readonly rest: BoundStep | undefined,
  ) {
    this.steps = wholeSteps + (rest ? 1 : 0)
  }

  /**
   * Compiles the steps.
   *
   * @param build makes the step of a batch size
   */
  static async create(
    device: Device,
    count: number,
    batchSize: number,
    build: (batchSize: number) => Step,
    named: Readonly<Partial<Record<StepInput, Tensor>>>,
  ): Promise<Pass> {
    const wholeSteps = Math.floor(count / batchSize)
    const left = count % batchSize
    const whole = wholeSteps > 0 ? await bindStep(device, build(batchSize), named) : undefined
    const rest = left > 0 ? await bindStep(device, build(left), named) : undefined
    return new Pass(device, wholeSteps, whole, rest)
  }

  /**
   * Runs up to `count` steps of the pass in one native call, from step `from` on.
   *
   * @returns how many were run: fewer where the whole steps end, or when `signal` was aborted
   */
  async run(from: number, count: number, signal?: AbortSignal): Promise<number> {
    const [step, most] = from < this.wholeSteps ? [this.whole, this.wholeSteps - from] : [this.rest, 1]
    if (!step || from >= this.steps) return 0
    return this.device.run(step.compiled, Math.min(count, most), step.bindings, signal)
  }
}

/**
 * How many samples go through the network at a time: the largest divisor of the batch that is at most `limit`. Of that the CPU
 * has fewer where images are large, so that activations stay near its caches; a GPU, which few samples do not fill, has none.
 */
export function chooseMicroBatch(
  { backend }: Device,
  batchSize: number,
  [height, width]: readonly [number, number],
  limit = backend === 'onednn' ? Math.floor((64 * 96 * 96) / (height * width)) : batchSize,
): number {
  let divisor = Math.min(batchSize, Math.max(1, limit))
  while (batchSize % divisor !== 0) divisor--
  return divisor
}
