/** `mlpconv eval` */
import { Command } from 'commander'
import { SGD } from '../optim/sgd.js'
import { loadNetwork } from '../models/description.js'
import type { Precision } from '../trainer/options.js'
import { Trainer } from '../trainer/trainer.js'
import { loadDatasets } from './datasets.js'
import { addDeviceOptions, dtypeOption, integer, openChosenDevice, type DeviceOptions } from './options.js'
import { formatCount, formatSeconds, formatRatio, openOutput } from './output.js'
import { fashionMnistName, findSettings } from './settings.js'

interface EvalOptions extends DeviceOptions {
  readonly dataset?: string
  readonly limit?: number
  readonly batchSize: number
  readonly dtype?: Precision
  readonly json?: boolean
}

/** The command with its options. */
export function evalCommand(): Command {
  const command = new Command('eval')
    .description('Say how well a checkpoint does on the test images of a data set')
    .argument('<checkpoint>', 'a file that `mlpconv train` wrote')
    .option(
      '--dataset <name>',
      `${fashionMnistName}, or a folder with the four IDX files (default: what it was trained on)`,
    )
    .option('--limit <n>', 'only the first n test images', integer(1))
    .option('--batch-size <n>', 'images per step', integer(1), 64)
    .addOption(dtypeOption())
  return addDeviceOptions(command)
    .option('--json', 'print one JSON object: loss, accuracy, samples')
    .addHelpText('after', helpText)
    .action(evaluate)
}

const helpText = `
Examples:
  mlpconv eval mlpconv-out/checkpoint.safetensors
  mlpconv eval mlpconv-out/checkpoint.safetensors --dataset ./mnist --limit 1000 --json`

async function evaluate(checkpoint: string, options: EvalOptions): Promise<void> {
  const output = openOutput(options.json ?? false)
  const { net, input, classes, metadata } = await loadNetwork(checkpoint)
  const run = findSettings(checkpoint, metadata)
  const {
    dataset: name = run?.dataset ?? fashionMnistName,
    dtype = run?.dtype ?? 'float32',
    limit,
    batchSize,
  } = options
  const device = openChosenDevice(options)
  const onFetch = (source: string): void => output.note(`fetching Fashion-MNIST: ${source}`)
  const { test } = await loadDatasets(name, { resize: input.size, normalize: input.normalize, classes, limit, onFetch })
  const trainer = new Trainer(net, { optimizer: SGD({ lr: 0 }), batchSize, epochs: 1, device, dtype })

  const began = performance.now()
  const evaluation = await trainer.evaluate(test)
  const seconds = (performance.now() - began) / 1000
  output.json(evaluation)
  const { loss, accuracy, samples } = evaluation
  output.note(
    `${formatCount(samples)} test images of ${name}  loss ${formatRatio(loss)}  accuracy ${formatRatio(accuracy)}  ` +
      formatSeconds(seconds),
  )
}
