/** `mlpconv train` */
import { basename, dirname, join } from 'node:path'
import { Command, Option } from 'commander'
import type { Dataset } from '../data/dataset.js'
import type { Device } from '../device.js'
import { CheckpointError } from '../errors.js'
import { elementCount } from '../graph/graph.js'
import { requireWritableFolder, writeBytesAtomic } from '../files.js'
import { networkMetadata } from '../models/description.js'
import { NiN } from '../models/nin.js'
import { recipes } from '../models/recipes.js'
import { readCheckpoint, type Epoch, type TrainingProgress } from '../trainer/checkpoint.js'
import { inputShape } from '../trainer/resident.js'
import { Trainer } from '../trainer/trainer.js'
import { loadDatasets, type Datasets } from './datasets.js'
import { renderCurves } from './figure.js'
import { interruptedCode, Interrupted, interruptible } from './interrupt.js'
import { addDeviceOptions, dtypeOption, integer, number, openChosenDevice, variantOption, type DeviceOptions } from './options.js'
import { formatCount, formatPlural, formatRatio, formatSeconds, openOutput, type Output } from './output.js'
import { createProgressView, type ProgressView } from './progress.js'
import {
  fashionMnistName,
  findSettings,
  newSettings,
  optimizerOf,
  presets,
  resumedSettings,
  settingsMetadata,
  type GivenSettings,
  type Settings,
} from './settings.js'
import { traceShapes } from './shapes.js'

const defaultFolder = 'mlpconv-out'
const checkpointName = 'checkpoint.safetensors'
const figureName = 'curves.svg'

interface TrainOptions extends GivenSettings, DeviceOptions {
  readonly out?: string
  readonly resume?: string | true
  readonly json?: boolean
  readonly figure?: boolean
}

/** The command with its options. */
export function trainCommand(): Command {
  const command = new Command('train')
    .description('Train Network in Network; leaves a checkpoint and a figure of the curves')
    .addOption(new Option('--preset <name>', 'recipe that the options below change (default: fast)').choices(presets))
    .option('--dataset <name>', `${fashionMnistName}, or a folder with the four IDX files (default: ${fashionMnistName})`)
    .option('--limit <n>', 'only the first n images to train on, and n to test with', integer(1))
    .addOption(variantOption())
    .option('--block-depth <n>', '1x1 convolutions per block (default: 2)', integer(0))
    .option('--resize <n>', 'height and width that images are resized to', integer(1))
    .option('--batch-size <n>', 'images per step', integer(1))
    .option('--micro-batch <n>', 'images that go through the network at a time', integer(1))
    .option('--epochs <n>', 'times to go over the training images', integer(1))
    .option('--lr <x>', 'learning rate', number(0))
    .option('--momentum <x>', 'momentum of SGD', number(0))
    .option('--nesterov', 'Nesterov momentum')
    .option('--no-nesterov', 'usual momentum')
    .option('--weight-decay <x>', 'L2 penalty', number(0))
    .option('--clip-grad-norm <x>', 'largest norm of the gradient, 0 for no limit', number(0))
    .option('--seed <n>', 'seed of everything that is random (default: 0)', integer(0))
    .addOption(dtypeOption())
  return addDeviceOptions(command)
    .option('--out <folder>', `where the results go (default: ${defaultFolder}, or where the resumed run is)`)
    .option('--resume [checkpoint]', `go on with a run (default: ${checkpointName} in --out)`)
    .option('--json', 'print one JSON object per epoch to standard output, all else to standard error')
    .option('--figure', `draw ${figureName} (default)`)
    .option('--no-figure', 'draw none')
    .addHelpText('after', helpText)
    .action(train)
}

const helpText = `
Presets:
  fast     learns Fashion-MNIST in one epoch at 96x96: identity 1x1 convolutions, Nesterov momentum, warm-up and decay
  d2l      the setting of "Dive into deep learning": 224x224, batch 128, lr 0.1, ten epochs
  mlpconv  the setting of its first edition, with pooling in the blocks: 224x224, batch 64, lr 0.1, one epoch

Examples:
  mlpconv train                                  Fashion-MNIST, the fast preset
  mlpconv train --limit 2000                     a quick try
  mlpconv train --preset d2l --dtype bfloat16    the book's run, in bfloat16
  mlpconv train --dataset ./mnist --epochs 3     a folder of IDX files
  mlpconv train --resume                         go on with the run in ./${defaultFolder}
  mlpconv train --json > epochs.jsonl            for programs`

/** A run that is ready to begin. */
interface Plan {
  readonly settings: Settings
  readonly net: NiN
  readonly datasets: Datasets
  readonly device: Device
  readonly checkpoint: string
  /** How far a run is that goes on. */
  readonly progress: TrainingProgress | undefined
}

async function train(options: TrainOptions): Promise<void> {
  const output = openOutput(options.json ?? false)
  const { out, resume } = placesOf(options)
  const begun = resume === undefined ? undefined : await readRun(resume)
  const settings = begun ? resumedSettings(begun.settings, options) : newSettings(options)
  const { variant, blockDepth, epochs } = settings
  const optimizer = optimizerOf(settings)
  await requireWritableFolder(out, CheckpointError)
  const device = openChosenDevice(options)

  const datasets = await load(settings, output)
  const [, inChannels] = inputShape(datasets.train, 1)
  const net = new NiN({ variant, blockDepth, inChannels, numClasses: datasets.train.classes.length })
  net.initialize(recipes[settings.preset].initialize)
  const checkpoint = join(out, checkpointName)
  const plan: Plan = { settings, net, datasets, device, checkpoint, progress: begun?.progress }
  output.note(describePlan(plan))
  if (plan.progress && plan.progress.epoch >= epochs) {
    output.note(`The run is done. To train on: mlpconv train --resume ${quote(resume!)} --epochs ${plan.progress.epoch + 1}`)
    return
  }

  const trainer = new Trainer(net, {
    optimizer,
    schedule: recipes[settings.preset].schedule,
    batchSize: settings.batchSize,
    epochs,
    seed: settings.seed,
    device,
    dtype: settings.dtype,
    ...(settings.microBatch === undefined ? {} : { microBatch: settings.microBatch }),
    checkpoint,
    metadata: { ...networkMetadata(net, datasets.train), ...settingsMetadata(settings) },
  })
  const figure = options.figure === false ? undefined : join(out, figureName)
  const view = createProgressView(output)
  try {
    await interruptible(
      (signal) => run(trainer, plan, { resume, figure, signal }, output, view),
      () => view.note('Stopping after this step; once more to quit at once.'),
    )
    view.note(`\ncheckpoint  ${checkpoint}${figure === undefined ? '' : `\nfigure      ${figure}`}`)
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error
    view.note(`\nStopped; the checkpoint is ${checkpoint}. To go on:\n  ${resumeCommand(checkpoint, options)}`)
    process.exitCode = interruptedCode
  } finally {
    view.clear()
  }
}

async function run(
  trainer: Trainer,
  { datasets, progress, settings }: Plan,
  { resume, figure, signal }: { readonly resume: string | undefined; readonly figure: string | undefined; readonly signal: AbortSignal },
  output: Output,
  view: ProgressView,
): Promise<void> {
  const epochs = [...(progress?.history ?? [])]
  let isWarned = false
  const fitting = trainer.fit(datasets.train, {
    validation: datasets.test,
    signal,
    resume,
    onProgress: view.update,
    onWarning: (message) => {
      if (!isWarned) view.note(`warning: ${message}`)
      isWarned = true
    },
  })
  for await (const epoch of fitting) {
    epochs.push(epoch)
    const { loss, trainAccuracy, testAccuracy, examplesPerSecond, seconds } = epoch
    view.note(describeEpoch(epoch, settings.epochs))
    output.json({ epoch: epoch.epoch, loss, trainAccuracy, testAccuracy, examplesPerSecond, seconds })
    if (figure !== undefined) await writeBytesAtomic(figure, await renderCurves(epochs, titleOf(settings)), CheckpointError)
  }
}

/** Where the results go, and what goes on. */
function placesOf({ out, resume }: TrainOptions): { out: string; resume: string | undefined } {
  if (typeof resume === 'string') return { out: out ?? dirname(resume), resume }
  const folder = out ?? defaultFolder
  return { out: folder, resume: resume && join(folder, checkpointName) }
}

/** What the run that wrote a checkpoint was made by, and its epochs. */
async function readRun(path: string): Promise<{ settings: Settings; progress: TrainingProgress }> {
  const { progress, metadata } = await readCheckpoint(path)
  const settings = findSettings(path, metadata)
  if (settings) return { settings, progress }
  throw new CheckpointError(
    `${path}: expected a checkpoint written by \`mlpconv train\`, with the settings of its run; received one of another ` +
      'program, which can go on there: trainer.fit(train, { resume })',
  )
}

function load({ dataset, preset, resize, limit }: Settings, { note }: Output): Promise<Datasets> {
  const { normalize } = recipes[preset]
  const isOwn = dataset !== fashionMnistName && normalize !== undefined
  const onFetch = (source: string): void => note(`fetching Fashion-MNIST: ${source}`)
  return loadDatasets(dataset, { resize, normalize: isOwn ? 'own' : normalize, limit, onFetch })
}

function describePlan({ settings, net, datasets: { train: images, test }, device, progress }: Plan): string {
  const { preset, variant, dataset, batchSize, epochs, lr, momentum, nesterov, weightDecay, clipGradNorm, seed } = settings
  const shape = inputShape(images, batchSize)
  const trace = traceShapes(net, inputShape(images, 1))
  const parameters = net.parameters().reduce((sum, { shape: sizes }) => sum + elementCount(sizes), 0)
  const optimizer = [
    `SGD, lr ${lr}`,
    ...(momentum > 0 ? [`${nesterov ? 'Nesterov ' : ''}momentum ${momentum}`] : []),
    ...(weightDecay > 0 ? [`weight decay ${weightDecay}`] : []),
    ...(clipGradNorm > 0 ? [`gradient norm at most ${clipGradNorm}`] : []),
  ]
  const counted = (set: Dataset): string => formatCount(set.shape.count)
  return [
    `network   NiN ${variant}, ${formatCount(parameters)} parameters`,
    `data      ${dataset}: ${counted(images)} images to train on, ${counted(test)} to test with, at ${shape.slice(2).join('x')}`,
    `recipe    ${preset}: ${formatPlural(epochs, 'epoch')}, batch ${batchSize}, ${optimizer.join(', ')}, seed ${seed}`,
    `device    ${device.name}, ${formatPlural(device.native.threads, 'thread')}, ${settings.dtype}`,
    ...(progress ? [`resumed   after ${formatPlural(progress.epoch, 'epoch')} and ${formatPlural(progress.step, 'step')}`] : []),
    '',
    trace,
    '',
  ].join('\n')
}

function describeEpoch({ epoch, loss, trainAccuracy, testAccuracy, examplesPerSecond, seconds }: Epoch, epochs: number): string {
  return [
    `epoch ${epoch}/${epochs}`,
    `loss ${formatRatio(loss)}`,
    `train accuracy ${formatRatio(trainAccuracy)}`,
    ...(testAccuracy === undefined ? [] : [`test accuracy ${formatRatio(testAccuracy)}`]),
    `${formatCount(Math.round(examplesPerSecond))} examples/s`,
    formatSeconds(seconds),
  ].join('  ')
}

function titleOf({ variant, dataset, resize }: Settings): string {
  return `NiN ${variant} on ${basename(dataset)} at ${resize}x${resize}`
}

/** The command that goes on with a run, on the same machine in the same way. */
function resumeCommand(checkpoint: string, { device, threads }: TrainOptions): string {
  return [
    `mlpconv train --resume ${quote(checkpoint)}`,
    ...(device === 'auto' ? [] : [`--device ${device}`]),
    ...(threads === undefined ? [] : [`--threads ${threads}`]),
  ].join(' ')
}

/** A path as it is typed in a shell. */
function quote(path: string): string {
  return /^[\w./:@%+,-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}
