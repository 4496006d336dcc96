/** A small network, small data and runs of them. */
import {
  data,
  nn,
  openDevice,
  optim,
  Random,
  Trainer,
  type Dataset,
  type Epoch,
  type FitOptions,
  type TrainerOptions,
} from '../../lib/index.js'
import { testDevice } from '../device.js'
import { randomWords } from '../reference/data.js'

export const toyClasses = 4

/** Every kind of layer that has state of its own in training, for images of one channel and at least 6x6. */
export function toyNetwork(seed = 0): nn.Sequential {
  const net = new nn.Sequential(
    new nn.Conv2d(1, 6, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(3, { stride: 2 }),
    new nn.Dropout(0.5),
    new nn.Conv2d(6, 5, 1),
    new nn.ReLU(),
    new nn.AdaptiveAvgPool2d(1),
    new nn.Flatten(),
    new nn.Dropout(0.25),
    new nn.Linear(5, toyClasses),
  )
  return net.materialize([1, 1, 9, 9], { seed })
}

/** Images of noise. Of class c, the quarter number c is bright. */
export function toyData(count: number, size = 9): Dataset {
  const labels = Int32Array.from({ length: count }, (_, i) => (i * 7) % toyClasses)
  const noise = randomWords(count * size * size, 1, 1)
  const half = size / 2
  const images = Uint8Array.from(noise, (word, e) => {
    const [row, column] = [Math.floor(e / size) % size, e % size]
    const quarter = 2 * Number(row >= half) + Number(column >= half)
    return (word % 100) + (quarter === labels[Math.floor(e / (size * size))] ? 120 : 0)
  })
  return data.fromArrays({ images, shape: [count, size, size], labels, classes: toyClasses })
}

/** The optimizer's every part. */
export const toyOptimizer = optim.SGD({ lr: 0.1, momentum: 0.9, weightDecay: 1e-3, nesterov: true, clipGradNorm: 1 })

/** The optimizer steps' order of samples in an epoch, as the trainer documents it: Philox of the seed, stream 2^31 + epoch. */
export const sampleOrder = (seed: number, epoch: number, count: number): Int32Array =>
  new Random(seed, 2 ** 31 + epoch).permutation(count)

/** What a run leaves behind. */
export interface Outcome {
  /** Each with its times set to 0. */
  readonly epochs: readonly Epoch[]
  /** All parameters, by key. */
  readonly parameters: Readonly<Record<string, Float32Array>>
}

/** Runs `fit` to its end, if nothing else is said on the device that is tested and on one thread, which is the fastest for so little. */
export async function fit(
  net: nn.Module,
  train: Dataset,
  options: Partial<TrainerOptions> = {},
  fitOptions: FitOptions = {},
): Promise<Outcome> {
  const device = openDevice(testDevice, { threads: 1 })
  const trainer = new Trainer(net, { optimizer: toyOptimizer, batchSize: 16, epochs: 2, device, ...options })
  const epochs: Epoch[] = []
  for await (const epoch of trainer.fit(train, fitOptions)) epochs.push({ ...epoch, seconds: 0, examplesPerSecond: 0 })
  return { epochs, parameters: await valuesOf(net) }
}

/** All parameters of a network, by key. */
export async function valuesOf(net: nn.Module): Promise<Record<string, Float32Array>> {
  return Object.fromEntries([...(await net.stateDict())].map(([key, { data: values }]) => [key, values]))
}

/** The parameters of a run as one vector. */
export const flat = ({ parameters }: Pick<Outcome, 'parameters'>): number[] =>
  Object.values(parameters).flatMap((values) => [...values])
