/** `mlpconv summary` */
import { Command, Option } from 'commander'
import { elementCount } from '../graph/graph.js'
import { NiN, type NiNVariant } from '../models/nin.js'
import { Linear } from '../nn/index.js'
import type { Summary } from '../nn/summary.js'
import type { Precision } from '../trainer/options.js'
import { addDeviceOptions, dtypeOption, integer, openChosenDevice, variantOption, type DeviceOptions } from './options.js'
import { formatCount, openOutput } from './output.js'

interface SummaryOptions extends DeviceOptions {
  readonly variant?: NiNVariant
  readonly blockDepth?: number
  readonly channels: number
  readonly resize: number
  readonly batchSize: number
  readonly dtype: Precision
  readonly depth?: number
  readonly compare?: keyof typeof comparisons
  readonly json?: boolean
}

/** Layers of other networks to compare with. */
const comparisons = {
  'vgg-dense': {
    name: "VGG's first dense layer, 512*7*7 -> 4096",
    weights: () => elementCount(new Linear(512 * 7 * 7, 4096).weight.shape),
  },
} as const

/** The command with its options. */
export function summaryCommand(): Command {
  const command = new Command('summary')
    .description("Print a network's shapes, parameters, FLOPs and memory, layer by layer")
    .addOption(variantOption().default('d2l'))
    .option('--block-depth <n>', '1x1 convolutions per block', integer(0), 2)
    .option('--resize <n>', 'height and width of the images', integer(1), 224)
    .option('--channels <n>', 'channels of the images', integer(1), 1)
    .option('--batch-size <n>', 'images per step', integer(1), 1)
    .addOption(dtypeOption().default('float32'))
    .option('--depth <n>', 'how deep layers are listed, 1 for the outermost (default: all)', integer(1))
    .addOption(
      new Option('--compare <what>', 'print the weights of another layer beside').choices(Object.keys(comparisons)),
    )
  return addDeviceOptions(command)
    .option('--json', 'print one JSON object')
    .addHelpText('after', helpText)
    .action(summarize)
}

const helpText = `
Examples:
  mlpconv summary
  mlpconv summary --block-depth 1 --batch-size 128
  mlpconv summary --compare vgg-dense --depth 1`

async function summarize(options: SummaryOptions): Promise<void> {
  const output = openOutput(options.json ?? false)
  const { variant = 'd2l', blockDepth = 2, channels, resize, batchSize, dtype, depth, compare } = options
  const net = new NiN({ variant, blockDepth, inChannels: channels })
  const device = openChosenDevice(options)
  const summary = await net.summary([batchSize, channels, resize, resize], { device, dtype })
  const compared = compare && { name: comparisons[compare].name, weights: comparisons[compare].weights() }
  const { inputShape, microBatch, rows, totals } = summary
  output.json({ inputShape, microBatch, rows, totals, ...(compared ? { compared } : {}) })
  if (options.json) return
  output.note(summary.format(depth === undefined ? {} : { depth }))
  if (compared) output.note(`\n${describeComparison(compared, summary)}`)
}

function describeComparison({ name, weights }: { name: string; weights: number }, { totals }: Summary): string {
  const times = (weights / totals.parameters).toFixed(1)
  const all = `the ${formatCount(totals.parameters)} parameters of all of NiN`
  return `${name}: ${formatCount(weights)} weights, ${times} times as many as ${all}.`
}
