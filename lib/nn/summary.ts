/** What a network does to an input, and what that costs: shapes, parameters, FLOPs, memory. */
import { requireBoolean, requireInteger, requireOptions } from '../check.js'
import { resolveDevice, type Device, type DeviceName } from '../device.js'
import { ShapeError } from '../errors.js'
import { byteLength, elementCount, type Graph } from '../graph/graph.js'
import { GraphBuilder } from '../graph/trace.js'
import { checkShape } from '../layout.js'
import { describeShape, dimensions4 } from '../ops/check.js'
import { SGD } from '../optim/sgd.js'
import { resolvePrecision, type Precision, type Rounding } from '../trainer/options.js'
import { flatLayout } from '../trainer/flat.js'
import { chooseMicroBatch } from '../trainer/pass.js'
import { trainingStep, type StepInput } from '../trainer/step.js'
import { costsOf, isWithin, sum, type Cost, type Costs } from './cost.js'
import type { Module } from './module.js'
import { formatSummary } from './summaryTable.js'

export interface SummaryOptions {
  /** Whose kernels are asked for their memory. Default `auto`. */
  readonly device?: DeviceName | Device
  /** The type of activations, `tfloat32` on GPUs only; default float32. */
  readonly dtype?: Precision
  /** Whether to say what training takes; default: if the input is [N, C, H, W] and the output [N, classes]. */
  readonly training?: boolean
  /** Default: SGD without momentum. */
  readonly optimizer?: SGD
  /** At most so many samples go through the network at a time in training. Default: as `Trainer` chooses. */
  readonly microBatch?: number
}

/** One module. */
export interface SummaryRow {
  /** Such as `0.2`. */
  readonly path: string
  /** As it prints itself; for a module with children its class. */
  readonly layer: string
  readonly outputShape: readonly number[]
  /** How many there are. */
  readonly parameters: number
  /**
   * Predicting. The memory is what the module's values and kernels occupy in the plan's arena. Modules that do not run
   * at the same time share memory, so the sum over modules is more than the whole.
   */
  readonly predict: Cost
  /** One training step, forward and backward; likewise. */
  readonly train: Cost | undefined
}

/** What all of a network takes. Memory is what is allocated. */
export interface SummaryTotals {
  readonly parameters: number
  /** Memory: the plan's arena, parameters, input and output. */
  readonly predict: Cost
  /** Memory: the plan's arena, parameters, gradients, and momentum if there is one; without the data set. */
  readonly train: Cost | undefined
}

export interface SummaryFormat {
  /** How deep modules are nested that get a line; 1 is the network's own layers. Default: all. */
  readonly depth?: number
}

/** The summary of a network. */
export class Summary {
  constructor(
    readonly inputShape: readonly number[],
    /** Samples that go through the network at a time in training. */
    readonly microBatch: number,
    /** Parents stand before their children. */
    readonly rows: readonly SummaryRow[],
    readonly totals: SummaryTotals,
  ) {}

  /** A table with a line per module. */
  format({ depth = Infinity }: SummaryFormat = {}): string {
    return formatSummary(this, depth)
  }

  toString(): string {
    return this.format()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.format()
  }
}

/**
 * Traces and compiles a network for an input, without running it. Lazy layers take their input sizes from it.
 *
 * @param inputShape [N, C, H, W]
 * @returns a promise that rejects with ShapeError if the network cannot take this input, or `training` is asked for and
 * the output is not [N, classes]; OptionError; DeviceError
 */
export async function summarize(
  net: Module,
  inputShape: readonly number[],
  options: SummaryOptions = {},
): Promise<Summary> {
  requireOptions('summary', options, ['device', 'dtype', 'training', 'optimizer', 'microBatch'])
  const { device: name = 'auto', optimizer = SGD({ lr: 0 }), microBatch: limit } = options
  const device = resolveDevice(name)
  const rounding = resolvePrecision('summary', options, device)
  if (limit !== undefined) requireInteger('summary', 'microBatch', limit, 1)
  const shape = checkShape(inputShape)
  net.inferShapes(shape)
  const { graph, outputShape, visits } = traceVisits(net, shape, rounding)
  const canTrain = shape.length === 4 && outputShape.length === 2
  const training = requireBoolean('summary', 'training', options.training ?? canTrain)
  if (training && !canTrain) {
    throw new ShapeError(
      'summary: training needs an input [N, C, H, W] and an output [N, classes]; ' +
        `received ${describeShape(shape)} and ${describeShape(outputShape)}; use { training: false }`,
    )
  }

  const predict = await predictingCosts(device, graph)
  const train = training
    ? await trainingCosts(device, net, shape, outputShape[1]!, { rounding, optimizer, limit })
    : undefined
  const rows = visits.map(({ path, module, outputShape }) => ({
    path,
    layer: module.label(),
    outputShape,
    parameters: parameterCount(module),
    predict: predict.of(path),
    train: train?.of(path),
  }))
  const total = ({ of, allocated }: PlanCosts): Cost => ({ flops: of('').flops, memory: allocated })
  const totals = { parameters: parameterCount(net), predict: total(predict), train: train && total(train) }
  return new Summary(shape, train?.microBatch ?? shape[0]!, rows, totals)
}

/** A module as it was met in a trace. */
interface Visit {
  readonly path: string
  readonly module: Module
  readonly outputShape: readonly number[]
}

/** Traces a network and writes down its modules, parents before their children. */
function traceVisits(
  net: Module,
  shape: readonly number[],
  { dtype, precision }: Rounding,
): { graph: Graph; outputShape: readonly number[]; visits: readonly Visit[] } {
  const visits: Visit[] = []
  const builder = new GraphBuilder({ precision })
  builder.onModule = (path, module, output) => {
    if (path === '') return
    const firstChild = visits.findIndex((visit) => isWithin(visit.path, path))
    const visit = { path, module: module as Module, outputShape: output.shape }
    visits.splice(firstChild < 0 ? visits.length : firstChild, 0, visit)
  }
  const output = net.trace(builder.input({ shape, dtype }))
  return { graph: builder.build([output]), outputShape: output.shape, visits }
}

/** What a plan costs, and the bytes that are allocated for it. */
interface PlanCosts extends Pick<Costs, 'of'> {
  readonly allocated: number
}

async function predictingCosts(device: Device, graph: Graph): Promise<PlanCosts> {
  const { of, compiled } = await costsOf(device, graph, 1)
  const bound = [...compiled.graph.inputs, ...compiled.graph.outputs].map((id) => compiled.byteLengthOf(id))
  return { of, allocated: compiled.memory.arenaBytes + sum(bound) }
}

/** What a step binds that grows with the data set or the run, not with the network. */
const dataInputs: readonly StepInput[] = ['images', 'labels', 'order', 'learningRates']

/** The costs of the trainer's own step, for images of the network's input size. */
async function trainingCosts(
  device: Device,
  net: Module,
  shape: readonly number[],
  classes: number,
  { rounding, optimizer, limit }: { rounding: Rounding; optimizer: SGD; limit: number | undefined },
): Promise<PlanCosts & { readonly microBatch: number }> {
  const [batchSize, channels, ...size] = dimensions4({ shape, dtype: rounding.dtype })
  const microBatch = chooseMicroBatch(device, batchSize, size, limit)
  const data = {
    images: { shape: [1, channels, ...size], dtype: 'uint8' },
    size,
    mean: new Array<number>(channels).fill(0),
    std: new Array<number>(channels).fill(1),
    orderLength: batchSize,
  } as const
  const options = { data, classes, batchSize, microBatch, seed: 0, ...rounding } as const
  const step = trainingStep(net, flatLayout(net), options, optimizer, 1)
  const { of, compiled } = await costsOf(device, step.graph, step.repeat)
  const bound = step.inputs
    .filter(({ name }) => !dataInputs.includes(name))
    .map(({ id }) => byteLength(step.graph.values[id]!))
  return { of, allocated: compiled.memory.arenaBytes + sum(bound), microBatch }
}

function parameterCount(module: Module): number {
  return sum(module.parameters().map(({ shape }) => elementCount(shape)))
}
