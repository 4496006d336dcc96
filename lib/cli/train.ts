/** `mlpconv train` */
import { basename, dirname, join } from 'node:path'
import { Command, Option } from 'commander'
import { DataError } from '../errors.js'
import { writeBytesAtomic } from '../files.js'
import type { Epoch } from '../trainer/checkpoint.js'
import type { Progress } from '../trainer/trainer.js'
import { renderCurves, type CurvePoint } from './figure.js'
import { interruptedCode, Interrupted, interruptible } from './interrupt.js'
import { addDeviceOptions, dtypeOption, integer, number, variantOption } from './options.js'
import { formatCount, formatDuration, formatRatio, formatSeconds, openOutput, type Output } from './output.js'
import { checkpointName, defaultFolder, describePlan, preparePlan, type Plan, type PlanOptions } from './plan.js'
import { createProgressView, type Progress as BarProgress, type ProgressView } from './progress.js'
import { fashionMnistName, presets, type Settings } from './settings.js'

const figureName = 'curves.svg'

interface TrainOptions extends PlanOptions {
  readonly json?: boolean
  readonly figure?: boolean
}

/** The command with its options. */
export function trainCommand(): Command {
  const command = new Command('train')
    .description('Train Network in Network; leaves a checkpoint and a figure of the curves')
    .addOption(new Option('--preset <name>', 'recipe that the options below change (default: fast)').choices(presets))
    .option(
      '--dataset <name>',
      `${fashionMnistName}, or a folder with the four IDX files (default: ${fashionMnistName})`,
    )
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

async function train(options: TrainOptions): Promise<void> {
  const output = openOutput(options.json ?? false)
  const plan = await preparePlan(options, output)
  const { checkpoint, progress, settings } = plan
  if (progress && progress.epoch >= settings.epochs) {
    const more = `mlpconv train --resume ${quote(plan.resume!)} --epochs ${progress.epoch + 1}`
    output.note(`${describePlan(plan)}\nThe run is done. To train on: ${more}`)
    return
  }
  const figure = options.figure === false ? undefined : join(dirname(checkpoint), figureName)
  const view = createProgressView(output)
  try {
    await interruptible(
      (signal) => run(plan, figure, output, view, signal),
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

/** Points of the figure within an epoch. */
const pointsPerEpoch = 20

async function run(
  plan: Plan,
  figure: string | undefined,
  output: Output,
  view: ProgressView,
  signal: AbortSignal,
): Promise<void> {
  const { trainer, datasets, settings, progress, resume } = plan
  view.note(describePlan(plan))
  const curves: CurvePoint[] = [...(progress?.history ?? [])]
  const fitting = trainer.fit(datasets.train, {
    validation: datasets.test,
    signal,
    resume,
    onProgress: (now) => {
      view.update(describeProgress(now))
      const { loss, trainAccuracy } = now
      const epoch = now.epoch - 1 + now.step / now.stepsPerEpoch
      const isDue = epoch - (curves.at(-1)?.epoch ?? 0) >= 1 / pointsPerEpoch
      if (isDue && now.step < now.stepsPerEpoch) curves.push({ epoch, loss, trainAccuracy })
    },
    onWarning: (message) => view.note(`warning: ${message}`),
  })
  for await (const epoch of fitting) {
    curves.push(epoch)
    view.note(describeEpoch(epoch, settings.epochs))
    const { loss, trainAccuracy, testAccuracy, examplesPerSecond, seconds } = epoch
    output.json({ epoch: epoch.epoch, loss, trainAccuracy, testAccuracy, examplesPerSecond, seconds })
    if (figure !== undefined) await writeBytesAtomic(figure, await renderCurves(curves, titleOf(settings)), DataError)
  }
}

function describeProgress(now: Progress): BarProgress {
  const { epoch, epochs, step, stepsPerEpoch, loss, trainAccuracy, examplesPerSecond, secondsLeft } = now
  const rate = `${formatCount(Math.round(examplesPerSecond))} img/s`
  const left = step === stepsPerEpoch ? 'testing' : `${formatDuration(secondsLeft)} left`
  return {
    label: `epoch ${epoch}/${epochs}`,
    done: step,
    total: stepsPerEpoch,
    facts: `loss ${formatRatio(loss)}  accuracy ${formatRatio(trainAccuracy)}  ${rate}  ${left}`,
  }
}

function describeEpoch(
  { epoch, loss, trainAccuracy, testAccuracy, examplesPerSecond, seconds }: Epoch,
  epochs: number,
): string {
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
