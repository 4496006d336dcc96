/** Training of one dense layer behind a dropout, step by step in float64: what the trainer must do with it. */
import { nn, type Dataset, type TrainerOptions } from '../../lib/index.js'
import { dropout } from '../reference/dropout.js'
import { linear, linearBackwardWeights } from '../reference/linear.js'
import { sgd, type SgdState } from '../reference/sgd.js'
import { softmaxCrossEntropy } from '../reference/softmaxCrossEntropy.js'
import { tensor } from '../reference/tensor.js'
import { fit, sampleOrder } from './toy.js'

export type Settings = Required<Pick<TrainerOptions, 'optimizer' | 'batchSize' | 'epochs' | 'seed' | 'schedule'>> & {
  /** The probability to drop a pixel. */
  readonly dropped: number
}

export interface Result {
  /** The weight [classes, pixels], which is zero at first. */
  readonly weight: ArrayLike<number>
  /** The mean loss of each epoch. */
  readonly losses: readonly number[]
}

/** What should come of it, for images of one channel. */
export function handStepped(dataset: Dataset, { optimizer, batchSize, epochs, seed, schedule, dropped }: Settings): Result {
  const { images, labels, classes, normalize = { mean: [0], std: [1] } } = dataset
  const { count, height, width } = dataset.shape
  const pixels = height * width
  const totalSteps = epochs * Math.ceil(count / batchSize)
  let state: SgdState = { parameters: new Float64Array(classes.length * pixels) }
  const losses: number[] = []
  for (let epoch = 0, step = 0; epoch < epochs; epoch++) {
    const order = sampleOrder(seed, epoch, count)
    let lossSum = 0
    for (let first = 0; first < count; first += batchSize, step++) {
      const batch = [...order.subarray(first, first + batchSize)]
      const values = batch.flatMap((sample) => [...images.subarray(sample * pixels, (sample + 1) * pixels)])
      const inputs = values.map((value) => Math.fround((value / 255 - normalize.mean[0]!) / normalize.std[0]!))
      const firstSample = epoch * count + first
      const x = dropout(tensor(inputs, [batch.length, pixels]), { p: dropped, seed, use: 0, firstSample })
      const weight = tensor(state.parameters, [classes.length, pixels])
      const targets = batch.map((sample) => labels[sample]!)
      const { loss, dlogits } = softmaxCrossEntropy(linear(x, weight, undefined), targets, batch.length)
      lossSum += loss * batch.length
      const { data: gradients } = linearBackwardWeights(x, dlogits).dw
      state = sgd(state, gradients, optimizer.lr * schedule(step, totalSteps), optimizer)
    }
    losses.push(lossSum / count)
  }
  return { weight: state.parameters, losses }
}

/** What comes of it on the device. */
export async function trained(dataset: Dataset, settings: Settings & Pick<TrainerOptions, 'microBatch'>): Promise<Result> {
  const { dropped, ...options } = settings
  const layer = new nn.Linear(dataset.shape.height * dataset.shape.width, dataset.classes.length, { bias: false })
  const net = new nn.Sequential(new nn.Flatten(), new nn.Dropout(dropped), layer).materialize()
  await layer.weight.write(new Float32Array(layer.weight.shape[0]! * layer.weight.shape[1]!))
  const { epochs } = await fit(net, dataset, options)
  return { weight: await layer.weight.read(), losses: epochs.map(({ loss }) => loss) }
}
