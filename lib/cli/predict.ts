/** `mlpconv predict` */
import { Command, InvalidArgumentError } from 'commander'
import { fromArrays } from '../data/fromArrays.js'
import { readIdx } from '../data/idx.js'
import { decodePng } from '../data/png.js'
import type { Dataset } from '../data/dataset.js'
import { DataError, OptionError } from '../errors.js'
import { readBytes } from '../files.js'
import { loadNetwork, type TrainedNetwork } from '../models/description.js'
import { predictLogits, softmax } from '../trainer/predict.js'
import { readImages } from './datasets.js'
import { addDeviceOptions, integer, openChosenDevice, type DeviceOptions } from './options.js'
import { formatColumns, openOutput } from './output.js'

interface PredictOptions extends DeviceOptions {
  readonly index?: readonly number[]
  readonly top?: number
  readonly json?: boolean
}

/** The command with its options. */
export function predictCommand(): Command {
  const command = new Command('predict')
    .description('Say which classes images belong to, with probabilities')
    .argument('<checkpoint>', 'a file that `mlpconv train` wrote')
    .argument('<images>', 'a PNG file of any size, or an IDX file of images (.gz too)')
    .option('--index <list>', 'which images of an IDX file, such as 0,7 or 0-9 (default: the first ten)', indices)
    .option('--top <n>', 'only the n likeliest classes (default: 3, but all of a single image and in JSON)', integer(1))
  return addDeviceOptions(command)
    .option('--json', 'print one JSON object per image: index, classes with probabilities')
    .addHelpText('after', helpText)
    .action(predict)
}

const helpText = `
Colour becomes grey where the network was trained on grey, and images are resized as in training. Fashion-MNIST has
light clothes on black: a photograph on white should be inverted first.

Examples:
  mlpconv predict mlpconv-out/checkpoint.safetensors shoe.png
  mlpconv predict mlpconv-out/checkpoint.safetensors t10k-images-idx3-ubyte.gz --index 0-4 --top 1`

const defaultCount = 10
const what = 'a PNG file or an IDX file of images'

async function predict(
  checkpoint: string,
  path: string,
  { index: chosen, top, json, ...where }: PredictOptions,
): Promise<void> {
  const output = openOutput(json ?? false)
  const network = await loadNetwork(checkpoint)
  const { indices, dataset } = await readInput(path, network, chosen)
  const device = openChosenDevice(where)
  const most = top ?? (indices.length === 1 || json ? Infinity : 3)

  let done = 0
  for await (const logits of predictLogits(network.net, device, dataset)) {
    const index = indices[done++]!
    const classes = rank(network.classes, softmax(logits)).slice(0, most)
    output.json({ index, classes })
    if (json) continue
    if (indices.length > 1) output.note(`${done === 1 ? '' : '\n'}image ${index}`)
    output.note(
      formatColumns(
        classes.map(({ name, probability }) => [percent(probability), name]),
        [0],
      ),
    )
  }
}

/** The classes, the likeliest first. */
function rank(
  names: readonly string[],
  probabilities: Float64Array,
): { name: string; label: number; probability: number }[] {
  return names
    .map((name, label) => ({ name, label, probability: probabilities[label]! }))
    .sort((a, b) => b.probability - a.probability)
}

/** `98.7 %` */
function percent(probability: number): string {
  return `${(100 * probability).toFixed(1)} %`
}

/** The images of a file as the network takes them, and their places in the file. */
async function readInput(
  path: string,
  { input, classes }: TrainedNetwork,
  index: readonly number[] | undefined,
): Promise<{ indices: readonly number[]; dataset: Dataset }> {
  const { channels, size, normalize } = input
  const make = (images: Uint8Array, shape: readonly number[]): Dataset =>
    fromArrays({
      images,
      shape,
      labels: new Int32Array(shape[0]!),
      classes,
      resize: size,
      ...(normalize === undefined ? {} : { normalize }),
    })
  const bytes = await readBytes(path, what, DataError)
  const start = Buffer.from(bytes.subarray(0, 4)).toString('hex')
  if (start.startsWith(signatures.png)) {
    if (index !== undefined)
      throw new OptionError(`--index chooses images of an IDX file; ${path} is a PNG: leave it out`)
    const { shape, data } = decodePng(bytes, channels, path)
    return { indices: [0], dataset: make(data, [1, ...shape]) }
  }
  if (!start.startsWith(signatures.idx) && !start.startsWith(signatures.gzip)) {
    const received = start === '' ? 'an empty file' : `one that begins with ${start} in hexadecimal`
    throw new DataError(`${path}: expected ${what}; received ${received}; convert it to PNG`)
  }
  const { shape, data } = readImages(await readIdx(path), path)
  if (shape.channels !== channels) {
    throw new DataError(`${path}: the network takes images of ${channels} channels; received ${shape.channels}`)
  }
  const indices = index ?? Array.from({ length: Math.min(defaultCount, shape.count) }, (_, i) => i)
  const wrong = indices.find((i) => i >= shape.count)
  if (wrong !== undefined) {
    throw new OptionError(`--index: ${path} has the images 0 to ${shape.count - 1}; received ${wrong}`)
  }
  const imageBytes = shape.height * shape.width * channels
  const chosen = new Uint8Array(indices.length * imageBytes)
  indices.forEach((from, to) => {
    chosen.set(data.subarray(from * imageBytes, (from + 1) * imageBytes), to * imageBytes)
  })
  return { indices, dataset: make(chosen, [indices.length, shape.height, shape.width, channels]) }
}

/** The first bytes, in hexadecimal, of a PNG, of an IDX file, and of one that is packed with gzip. */
const signatures = { png: '89504e47', idx: '0000', gzip: '1f8b' }

/** `0,7,10-12` */
function indices(text: string): number[] {
  return text.split(',').flatMap((part) => {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(part.trim()) ?? []
    const count = Number(last) - Number(first) + 1
    if (first === undefined || !(count >= 1 && count <= 1e6)) {
      throw new InvalidArgumentError('Expected numbers and ranges such as 0,7 or 0-9.')
    }
    return Array.from({ length: count }, (_, i) => Number(first) + i)
  })
}
