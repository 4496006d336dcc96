import { folder, loadFashionMnist } from '../../scripts/fashion-mnist.mjs'
import { requireInteger, requireOptions } from '../check.js'
import { DataError } from '../errors.js'
import { pair, type Size2d } from '../ops/check.js'
import { createDataset, limit, type Dataset, type Normalization } from './dataset.js'
import { parseIdx, type IdxArray } from './idx.js'

/** The ten classes of Fashion-MNIST, in the order of their labels. */
export const fashionMnistClasses: readonly string[] = Object.freeze([
  'T-shirt/top',
  'Trouser',
  'Pullover',
  'Dress',
  'Coat',
  'Sandal',
  'Shirt',
  'Sneaker',
  'Bag',
  'Ankle boot',
])

/** The mean and standard deviation of the training images' values in [0, 1]. */
export const fashionMnistNormalization: Normalization = Object.freeze({
  mean: Object.freeze([0.286]),
  std: Object.freeze([0.353]),
})

export interface FashionMnistOptions {
  /** Height and width in pixels to which the device resizes the 28x28 images, or one size for both. */
  readonly resize?: Size2d
  /** `true`: by the training images' mean and standard deviation. Default: not at all. */
  readonly normalize?: boolean | Normalization
  /** The folder with the four files (as the environment's MLPCONV_DATA). Default: the sources in order. */
  readonly folder?: string
  /** At most so many images of each of the two sets. Default: all. */
  readonly limit?: number
  /** Called with the name of each source that it is fetched from, when it is not on this machine yet. */
  readonly onFetch?: (source: string) => void
}

/**
 * Fashion-MNIST: 60,000 images to train on and 10,000 to test with, 28x28 pixels, one channel, ten classes.
 *
 * It comes from the first of: MLPCONV_DATA, the cache, the system's folder, the official mirrors, apt-get; what is
 * fetched is kept in the cache. Xiao, Rasul and Vollgraf, "Fashion-MNIST", https://arxiv.org/abs/1708.07747
 *
 * @throws DataError if no source has it, with what was tried; OptionError
 */
export async function fashionMnist(options: FashionMnistOptions = {}): Promise<{ train: Dataset; test: Dataset }> {
  requireOptions('fashionMnist', options, ['resize', 'normalize', 'folder', 'limit', 'onFetch'])
  const normalize = options.normalize === true ? fashionMnistNormalization : options.normalize || undefined
  if (options.resize !== undefined) pair('fashionMnist', 'resize', options.resize, 1)
  if (options.limit !== undefined) requireInteger('fashionMnist', 'limit', options.limit, 1)
  const contents = await load(options)
  const read = (name: string): IdxArray => parseIdx(contents[name]!, name)
  const dataset = (prefix: string): Dataset => {
    const { data: images, shape } = read(`${prefix}-images-idx3-ubyte`)
    const [count, height, width] = shape as unknown as [number, number, number]
    const all = createDataset({
      images: images as Uint8Array,
      labels: Int32Array.from(read(`${prefix}-labels-idx1-ubyte`).data),
      shape: { count, channels: 1, height, width },
      classes: fashionMnistClasses,
      resize: options.resize,
      normalize,
    })
    return options.limit === undefined ? all : limit(all, options.limit)
  }
  return { train: dataset('train'), test: dataset('t10k') }
}

async function load({ folder: path, onFetch }: FashionMnistOptions): Promise<Record<string, Uint8Array>> {
  try {
    return await loadFashionMnist({
      ...(path === undefined ? {} : { sources: [folder('folder', path, true)] }),
      ...(onFetch === undefined ? {} : { onProgress: onFetch }),
    })
  } catch (error) {
    throw new DataError((error as Error).message, { cause: error })
  }
}
