/** `mlpconv profile` */
import { cpus } from 'node:os'
import { Command } from 'commander'
import { profile } from '../bench/profile.js'
import type { Dataset } from '../data/dataset.js'
import { fromArrays } from '../data/fromArrays.js'
import { DataError, DeviceError } from '../errors.js'
import { writeBytesAtomic } from '../files.js'
import { NiN, type NiNVariant } from '../models/nin.js'
import { recipes } from '../models/recipes.js'
import { Random } from '../random.js'
import type { Precision } from '../trainer/options.js'
import { interruptedCode, interruptible } from './interrupt.js'
import { addDeviceOptions, dtypeOption, integer, openChosenDevice, variantOption, type DeviceOptions } from './options.js'
import { formatPlural, openOutput } from './output.js'
import { version } from './package.js'
import { describeProfile, formatProfile, toReport } from './profileReport.js'
import { createProgressView } from './progress.js'
import { renderRoofline } from './roofline.js'

interface ProfileOptions extends DeviceOptions {
  readonly variant: NiNVariant
  readonly blockDepth: number
  readonly channels: number
  readonly resize: number
  readonly batchSize: number
  readonly microBatch?: number
  readonly dtype: Precision
  readonly inference?: boolean
  readonly steps: number
  readonly figure?: string
  readonly json?: boolean
}

/** The command with its options. */
export function profileCommand(): Command {
  const command = new Command('profile')
    .description('Say where the time of a training step of Network in Network goes, kernel by kernel')
    .addOption(variantOption().default('d2l'))
    .option('--block-depth <n>', '1x1 convolutions per block', integer(0), 2)
    .option('--resize <n>', 'height and width of the images', integer(1), 224)
    .option('--channels <n>', 'channels of the images, 1 or 3', integer(1), 1)
    .option('--batch-size <n>', 'images per step', integer(1), 64)
    .option('--micro-batch <n>', 'images that go through the network at a time (default: by their size; on a GPU all)', integer(1))
    .addOption(dtypeOption().default('float32'))
    .option('--inference', 'a step of evaluation, forward and loss, instead')
    .option('--steps <n>', 'steps that are timed; what is printed are the medians', integer(1), 10)
    .option('--figure <file>', 'draw the roofline as an SVG')
  return addDeviceOptions(command)
    .option('--json', 'print one JSON object')
    .addHelpText('after', helpText)
    .action(run)
}

const helpText = `
The images are random, 28x28, and resized in the step, as Fashion-MNIST's are. "of peak" is the share of what the CPU does at
most, measured in the same run: multiply-adds in float32 on all threads, and the triad of STREAM.

Examples:
  mlpconv profile
  mlpconv profile --resize 96 --figure roofline.svg
  mlpconv profile --inference --batch-size 1 --threads 1`

async function run(options: ProfileOptions): Promise<void> {
  const output = openOutput(options.json ?? false)
  const { variant, blockDepth, channels, resize, batchSize, microBatch, dtype, inference = false, steps, figure } = options
  const device = openChosenDevice(options)
  if (figure !== undefined && device.backend !== 'onednn') {
    throw new DeviceError(`--figure: a roofline needs peaks, which are measured on the CPU only; received ${device.name}`)
  }
  const net = new NiN({ variant, blockDepth, inChannels: channels, numClasses: classes })
  net.initialize(recipes.fast.initialize)
  const view = createProgressView(output, process.stderr)
  const onProgress = (done: number): void => {
    view.update({ label: 'steps', done, total: steps, facts: '' })
  }
  const given = { batchSize, dtype, device, inference, steps, ...(microBatch === undefined ? {} : { microBatch }) }
  const profiled = await interruptible(
    (signal) => profile(net, randomImages(batchSize, channels, resize), { ...given, signal, onProgress }),
    () => {
      view.note('Stopping after this step; once more to quit at once.')
      process.exitCode = interruptedCode
    },
  ).finally(view.clear)

  const of = `${batchSize} images of ${channels}x${resize}x${resize}, ${profiled.microBatch} at a time`
  const threads = device.backend === 'onednn' ? `, ${formatPlural(device.native.threads, 'thread')}` : ''
  const names = new Map(net.namedModules())
  const report = toReport(
    profiled,
    {
      mlpconv: version,
      machine: `${cpus()[0]?.model.trim() ?? 'unknown CPU'}, ${device.name}${threads}, Node ${process.versions.node}`,
      device: device.name,
      dtype,
      work: `${inference ? 'evaluation' : 'training'} step of NiN ${variant}, ${of}`,
    },
    (scope) => (scope === '' ? '' : `${scope} ${names.get(scope)?.constructor.name ?? ''}`),
  )
  const { above, below } = describeProfile(report)
  output.note(`${above}\n${formatProfile(report)}\n${below}`)
  output.json(report)
  const { peaks } = report
  if (figure !== undefined && peaks) await writeBytesAtomic(figure, await renderRoofline({ ...report, peaks }), DataError)
}

const classes = 10

/** A data set of one batch. */
function randomImages(count: number, channels: number, resize: number): Dataset {
  const side = 28
  const random = new Random(0)
  const images = Uint8Array.from({ length: count * side * side * channels }, () => random.uint32() & 255)
  const labels = Int32Array.from({ length: count }, (_, i) => i % classes)
  return fromArrays({ images, shape: [count, side, side, channels], labels, classes, resize })
}
