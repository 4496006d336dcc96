/** A data set as it lies on a device: uint8 and whole, so that a step does nothing on the host. */
import { createDataset, type Dataset } from '../data/dataset.js'
import type { Device } from '../device.js'
import { OptionError } from '../errors.js'
import type { TensorSpec } from '../graph/graph.js'
import { describe } from '../ops/check.js'
import { Tensor } from '../tensor.js'
import { disposeOnFailure } from './ownership.js'
import type { StepData } from './step.js'

/** Checks that a data set is one. Throws OptionError, and what `createDataset` throws. */
export function requireDataset(where: string, dataset: Dataset): void {
  const given: unknown = dataset
  if (typeof given !== 'object' || given === null || !('images' in given) || !('shape' in given)) {
    throw new OptionError(`${where}: expected a data set, such as data.fromArrays makes; received ${describe(given)}`)
  }
  createDataset(dataset)
}

/** What the images are on the device. Their memory is NHWC on the host too. */
function imagesSpec({ shape }: Dataset): TensorSpec {
  return { shape: [shape.count, shape.channels, shape.height, shape.width], dtype: 'uint8' }
}

/** How a step reads a data set. */
export function stepData(dataset: Dataset): StepData {
  const { channels, height, width, count } = dataset.shape
  return {
    images: imagesSpec(dataset),
    size: dataset.resize ?? [height, width],
    mean: dataset.normalize?.mean ?? new Array<number>(channels).fill(0),
    std: dataset.normalize?.std ?? new Array<number>(channels).fill(1),
    orderLength: count,
  }
}

/** The shape of the network's input for one batch. */
export function inputShape(dataset: Dataset, batchSize: number): [number, number, number, number] {
  return [batchSize, dataset.shape.channels, ...stepData(dataset).size]
}

/** Images, labels and the order in which samples are taken. */
export class ResidentData {
  private constructor(
    readonly count: number,
    readonly tensors: {
      readonly images: Tensor<'uint8'>
      readonly labels: Tensor<'int32'>
      readonly order: Tensor<'int32'>
    },
  ) {}

  /** Copies a data set to the device; the order is the data set's own. */
  static upload(device: Device, dataset: Dataset): Promise<ResidentData> {
    return disposeOnFailure(async (own) => {
      const { count } = dataset.shape
      const images = own(Tensor.empty(device, imagesSpec(dataset).shape, 'uint8'))
      await device.write(images.binding, dataset.images)
      const labels = own(await Tensor.from(dataset.labels, [count], { dtype: 'int32', device }))
      const indices = Int32Array.from({ length: count }, (_, i) => i)
      const order = own(await Tensor.from(indices, [count], { dtype: 'int32', device }))
      return new ResidentData(count, { images, labels, order })
    })
  }

  /** Frees the device's memory. */
  dispose(): void {
    for (const tensor of Object.values(this.tensors)) tensor.dispose()
  }
}
