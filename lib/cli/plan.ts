/** The plan of a run: all that `mlpconv train` decides before it begins. */
import { dirname, join } from 'node:path'
import type { Dataset } from '../data/dataset.js'
import { CheckpointError } from '../errors.js'
import { requireWritableFolder } from '../files.js'
import { elementCount } from '../graph/graph.js'
import { networkMetadata } from '../models/description.js'
import { NiN } from '../models/nin.js'
import { recipes } from '../models/recipes.js'
import { readCheckpoint, type TrainingProgress } from '../trainer/checkpoint.js'
import { inputShape } from '../trainer/resident.js'
import { Trainer } from '../trainer/trainer.js'
import { loadDatasets, type Datasets } from './datasets.js'
import { openChosenDevice, type DeviceOptions } from './options.js'
import { formatCount, formatPlural, type Output } from './output.js'
import {
  fashionMnistName,
  findSettings,
  newSettings,
  optimizerOf,
  resumedSettings,
  settingsMetadata,
  type GivenSettings,
  type Settings,
} from './settings.js'
import { traceShapes } from './shapes.js'

/** Where the results go unless it is said. */
export const defaultFolder = 'mlpconv-out'
/** The checkpoint's name in that folder. */
export const checkpointName = 'checkpoint.safetensors'

/** What a run is planned from. */
export interface PlanOptions extends GivenSettings, DeviceOptions {
  readonly out?: string
  /** `true`: the checkpoint in `out`. */
  readonly resume?: string | true
}

/** A run that is ready to begin. */
export interface Plan {
  readonly settings: Settings
  readonly trainer: Trainer
  readonly datasets: Datasets
  /** The file that the trainer writes. */
  readonly checkpoint: string
  /** The file of the run that goes on, and how far that is. */
  readonly resume: string | undefined
  readonly progress: TrainingProgress | undefined
}

/**
 * Decides everything about a run.
 *
 * @throws OptionError, CheckpointError, DataError, DeviceError
 */
export async function preparePlan(options: PlanOptions, output: Output): Promise<Plan> {
  const { out, resume } = placesOf(options)
  const begun = resume === undefined ? undefined : await readRun(resume)
  const settings = begun ? resumedSettings(begun.settings, options) : newSettings(options)
  const { preset, variant, blockDepth, batchSize, microBatch, epochs, seed, dtype } = settings
  const optimizer = optimizerOf(settings)
  await requireWritableFolder(out, CheckpointError)
  const device = openChosenDevice(options)

  const datasets = await load(settings, output)
  const [, inChannels] = inputShape(datasets.train, 1)
  const net = new NiN({ variant, blockDepth, inChannels, numClasses: datasets.train.classes.length })
  net.initialize(recipes[preset].initialize)
  const checkpoint = join(out, checkpointName)
  const trainer = new Trainer(net, {
    optimizer,
    schedule: recipes[preset].schedule,
    batchSize,
    epochs,
    seed,
    device,
    dtype,
    ...(microBatch === undefined ? {} : { microBatch }),
    checkpoint,
    metadata: { ...networkMetadata(net, datasets.train), ...settingsMetadata(settings) },
  })
  return { settings, trainer, datasets, checkpoint, resume, progress: begun?.progress }
}

/** Where the results go, and what goes on. */
function placesOf({ out, resume }: PlanOptions): { out: string; resume: string | undefined } {
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

/** What was chosen, and the shape trace. */
export function describePlan({
  settings,
  trainer: { net, device },
  datasets: { train: images, test },
  progress,
}: Plan): string {
  const { preset, variant, dataset, batchSize, epochs, lr, momentum, nesterov, weightDecay, clipGradNorm, seed } =
    settings
  const size = inputShape(images, 1).slice(2).join('x')
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
    `data      ${dataset}: ${counted(images)} images to train on, ${counted(test)} to test with, at ${size}`,
    `recipe    ${preset}: ${formatPlural(epochs, 'epoch')}, batch ${batchSize}, ${optimizer.join(', ')}, seed ${seed}`,
    `device    ${device.name}, ${formatPlural(device.native.threads, 'thread')}, ${settings.dtype}`,
    ...(progress
      ? [`resumed   after ${formatPlural(progress.epoch, 'epoch')} and ${formatPlural(progress.step, 'step')}`]
      : []),
    '',
    trace,
    '',
  ].join('\n')
}
