/** The data sets that `--dataset` names. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createDataset, limit, type Dataset, type Normalization } from '../data/dataset.js'
import { fashionMnist } from '../data/fashionMnist.js'
import { readIdx, type IdxArray } from '../data/idx.js'
import { DataError } from '../errors.js'
import { describeShape } from '../ops/check.js'
import { fashionMnistName } from './settings.js'

/** How images are read. */
export interface DatasetOptions {
  /** The height and width to which the device resizes. */
  readonly resize: number | readonly [number, number]
  /** `own`: by the mean and standard deviation of the training images. */
  readonly normalize: Normalization | 'own' | undefined
  /** At most so many images of each set. */
  readonly limit?: number | undefined
  /** The names of the classes. Default: Fashion-MNIST's, or the labels. */
  readonly classes?: readonly string[] | undefined
  /** Called with where the data set is fetched from, if it is. */
  readonly onFetch: (source: string) => void
}

/** What to train on and what to test with. */
export interface Datasets {
  readonly train: Dataset
  readonly test: Dataset
}

const prefixes = { train: 'train', test: 't10k' } as const

/**
 * Reads a data set.
 *
 * @param name `fashion-mnist`, or a folder with the four IDX files that MNIST's are called, packed with gzip or not
 * @throws DataError if a file is missing, damaged or does not fit the others
 */
export async function loadDatasets(name: string, options: DatasetOptions): Promise<Datasets> {
  const { train, test } =
    name === fashionMnistName
      ? await fashionMnist({ onFetch: options.onFetch })
      : await readFolder(name, options.classes)
  const normalize = options.normalize === 'own' ? normalizationOf(train) : options.normalize
  const finish = (dataset: Dataset): Dataset => {
    const { resize, classes = dataset.classes } = options
    const whole = createDataset({ ...dataset, resize, normalize, classes })
    return options.limit === undefined ? whole : limit(whole, options.limit)
  }
  return { train: finish(train), test: finish(test) }
}

async function readFolder(folder: string, classes: readonly string[] | undefined): Promise<Datasets> {
  const [train, test] = await Promise.all([readPart(folder, prefixes.train), readPart(folder, prefixes.test)])
  const largest = [train, test].reduce((most, { labels }) => labels.reduce((a, b) => Math.max(a, b), most), 0)
  const names = classes ?? Array.from({ length: largest + 1 }, (_, label) => String(label))
  return { train: createDataset({ ...train, classes: names }), test: createDataset({ ...test, classes: names }) }
}

async function readPart(folder: string, prefix: string): Promise<Omit<Dataset, 'classes'>> {
  const paths = [`${prefix}-images-idx3-ubyte`, `${prefix}-labels-idx1-ubyte`].map((name) => locate(folder, name))
  const [images, labels] = (await Promise.all(paths.map(readIdx))) as [IdxArray, IdxArray]
  const { data, shape } = readImages(images, paths[0]!)
  if (labels.dtype !== 'uint8' || labels.shape.length !== 1 || labels.shape[0] !== shape.count) {
    throw new DataError(
      `${paths[1]!}: expected ${shape.count} labels, one uint8 for each image; ` +
        `received ${labels.dtype} of shape ${describeShape(labels.shape)}`,
    )
  }
  return { images: data, shape, labels: Int32Array.from(labels.data) }
}

/**
 * The images of an IDX file.
 *
 * @param name the file's name, for errors
 * @throws DataError if it has something else
 */
export function readImages(
  { dtype, shape, data }: IdxArray,
  name: string,
): { shape: Dataset['shape']; data: Uint8Array } {
  const [count, height, width, channels = 1] = shape
  if (dtype !== 'uint8' || shape.length < 3 || shape.length > 4 || (channels !== 1 && channels !== 3)) {
    throw new DataError(
      `${name}: expected images, uint8 of shape [count, height, width] or with 1 or 3 channels [count, height, width, ` +
        `channels]; received ${dtype} of shape ${describeShape(shape)}`,
    )
  }
  return { shape: { count: count!, height: height!, width: width!, channels }, data }
}

function locate(folder: string, name: string): string {
  const found = [name, `${name}.gz`].map((candidate) => join(folder, candidate)).find(existsSync)
  if (found !== undefined) return found
  const expected = Object.values(prefixes).flatMap((prefix) => [
    `${prefix}-images-idx3-ubyte`,
    `${prefix}-labels-idx1-ubyte`,
  ])
  throw new DataError(
    `no data set ${folder}: expected ${fashionMnistName}, or a folder with ${expected.join(', ')} (or .gz); ` +
      (existsSync(folder) ? `${name} is not there` : 'there is no such folder'),
  )
}

/** Mean and standard deviation of each channel, of values in [0, 1]. */
function normalizationOf({ images, shape: { channels } }: Dataset): Normalization {
  const sums = Array.from({ length: channels }, () => ({ first: 0, second: 0 }))
  images.forEach((value, i) => {
    const sum = sums[i % channels]!
    sum.first += value
    sum.second += value * value
  })
  const count = (images.length / channels) * 255
  const mean = sums.map(({ first }) => first / count)
  // Images of one grey have no deviation; one step of a byte stands in for it.
  const std = sums.map(({ second }, c) => Math.sqrt(Math.max(second / (255 * count) - mean[c]! ** 2, (1 / 255) ** 2)))
  return { mean, std }
}
