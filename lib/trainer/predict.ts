/** Prediction: the logits of a data set's images. */
import type { Dataset } from '../data/dataset.js'
import type { Device } from '../device.js'
import { runEagerly } from '../jit.js'
import type { Module } from '../nn/module.js'
import { gatherImagesOp } from '../ops/training.js'
import { Tensor } from '../tensor.js'
import { inputShape, ResidentData, stepData } from './resident.js'

/** How a prediction is made. */
export interface PredictOptions {
  /** Images that go through the network at a time. Default 64. */
  readonly batchSize?: number
  /** The type of activations. Default float32. */
  readonly dtype?: 'float32' | 'bfloat16'
}

/**
 * The logits of each image in turn, in evaluation mode; the images are resized and normalised as in training. The labels
 * do not matter.
 *
 * @throws ShapeError if the images do not fit the network; OutOfMemoryError
 */
export async function* predictLogits(
  net: Module,
  device: Device,
  dataset: Dataset,
  { batchSize = 64, dtype = 'float32' }: PredictOptions = {},
): AsyncGenerator<Float32Array, void, undefined> {
  const { mean, std } = stepData(dataset)
  const resident = await ResidentData.upload(device, dataset)
  const counters = Tensor.zeros(device, [4], 'int64')
  const { images, labels, order } = resident.tensors
  try {
    for (let cursor = 0; cursor < resident.count; cursor += batchSize) {
      const outputShape = inputShape(dataset, Math.min(batchSize, resident.count - cursor))
      await counters.assign(BigInt64Array.of(0n, 0n, BigInt(cursor), 0n))
      const x = await runEagerly(gatherImagesOp, { mean, std, outputShape, dtype }, [images, labels, order, counters])
      const y = await net.predict(x)
      x.dispose()
      const logits = (await y.data()) as Float32Array
      y.dispose()
      const classes = logits.length / outputShape[0]
      for (let i = 0; i < outputShape[0]; i++) yield logits.slice(i * classes, (i + 1) * classes)
    }
  } finally {
    resident.dispose()
    counters.dispose()
  }
}

/** exp(logit - max) / sum, in float64: the probabilities of the classes. */
export function softmax(logits: Float32Array): Float64Array {
  const largest = logits.reduce((a, b) => Math.max(a, b), -Infinity)
  const exponentials = Float64Array.from(logits, (logit) => Math.exp(logit - largest))
  const sum = exponentials.reduce((a, b) => a + b, 0)
  return exponentials.map((value) => value / sum)
}
