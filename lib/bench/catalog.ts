/** The layers that `mlpconv bench` times when it is told none: data, by name. */
import type { Direction } from './benchmark.js'
import { directionsOf, type LayerInput } from './layer.js'

/** One thing to time. */
export interface BenchCase {
  /** What is compared within: the same numbers by several layers. */
  readonly group: string
  readonly form: string
  readonly direction: Direction
  readonly layer: LayerInput
}

/** As many images, of as many channels, of as many rows as columns. */
type Shape = readonly [batch: number, channels: number, pixels: number]

const named = ([batch, channels, pixels]: Shape): string =>
  `${String(channels)} channels, ${String(pixels)}x${String(pixels)}, batch ${String(batch)}`

/** What VGG's dense layers give. */
const denseFeatures = 4096
/** A flattened dense layer with more weights than these, 512 MB, is left out. */
const mostWeights = 2 ** 27

/**
 * The same numbers as a 1x1 convolution, as the dense layer on each pixel that it is, and flattened for one dense layer, as
 * VGG ends.
 */
function oneByOne(set: string, shape: Shape): Omit<BenchCase, 'direction'>[] {
  const [batch, channels, pixels] = shape
  const group = `${set}: ${named(shape)}`
  const flat = channels * pixels * pixels
  return [
    { group, form: '1x1 convolution', layer: { kind: 'conv2d', input: [batch, channels, pixels, pixels], outChannels: channels, kernelSize: 1 } },
    { group, form: 'Linear on pixels', layer: { kind: 'linear', rows: batch * pixels * pixels, inFeatures: channels, outFeatures: channels } },
    ...(flat * denseFeatures <= mostWeights
      ? ([{ group, form: 'flattened Linear', layer: { kind: 'linear', rows: batch, inFeatures: flat, outFeatures: denseFeatures } }] as const)
      : []),
  ]
}

const batch = 64

/** A side of what a window makes that slides over `pixels`. */
const slid = (pixels: number, kernel: number, stride: number): number => Math.floor((pixels - kernel) / stride) + 1

/** The sides of NiN's blocks for an image's. */
function blockSides(image: number): readonly [number, number, number, number] {
  const first = slid(image, 11, 4)
  const second = slid(first, 3, 2)
  const third = slid(second, 3, 2)
  return [first, second, third, slid(third, 3, 2)]
}

/** Each op of NiN on images of this size, alone, without its 1x1 convolutions; what repeats is there once. */
function otherOps(image: number): Omit<BenchCase, 'direction'>[] {
  const [first, second, third, fourth] = blockSides(image)
  const layers: readonly (readonly [form: string, layer: LayerInput])[] = [
    ['11x11 convolution, stride 4', { kind: 'conv2d', input: [batch, 1, image, image], outChannels: 96, kernelSize: 11, stride: 4 }],
    ['5x5 convolution', { kind: 'conv2d', input: [batch, 96, second, second], outChannels: 256, kernelSize: 5, padding: 2 }],
    ['3x3 convolution', { kind: 'conv2d', input: [batch, 256, third, third], outChannels: 384, kernelSize: 3, padding: 1 }],
    ['3x3 convolution to classes', { kind: 'conv2d', input: [batch, 384, fourth, fourth], outChannels: 10, kernelSize: 3, padding: 1 }],
    ['ReLU', { kind: 'relu', input: [batch, 96, first, first] }],
    ['3x3 max pooling, stride 2', { kind: 'maxPool2d', input: [batch, 96, first, first], kernelSize: 3, stride: 2 }],
    ['dropout', { kind: 'dropout', input: [batch, 384, fourth, fourth] }],
    ['global average pooling', { kind: 'avgPool2d', input: [batch, 10, fourth, fourth], kernelSize: fourth, stride: fourth }],
  ]
  return layers.map(([form, layer]) => ({ group: `NiN: its other ops at ${image}x${image}, batch ${batch}`, form, layer }))
}

/** What is the same at every size: the loss, and the update of NiN's parameters. */
const lossAndUpdate: readonly Omit<BenchCase, 'direction'>[] = [
  { form: 'softmax cross-entropy', layer: { kind: 'crossEntropy', rows: batch, classes: 10 } as const },
  { form: 'SGD update', layer: { kind: 'sgd', parameters: 1_992_166 } as const },
].map((one) => ({ group: `NiN: loss and update, batch ${batch}`, ...one }))

/** What NiN's 1x1 convolutions compute on. */
function oneByOneShapes(image: number): Shape[] {
  const channels = [96, 256, 384, 10]
  return blockSides(image).map((side, i) => [batch, channels[i]!, side])
}

/** The size of the references, and that of the recipe `fast`. */
const imageSides = [224, 96] as const

const sweepShapes: readonly Shape[] = [32, 128, 512].flatMap((channels) =>
  [1, 7, 28].flatMap((pixels) => [1, batch].map((images): Shape => [images, channels, pixels])),
)

/** All of it, in each direction that there is. */
export const catalog: readonly BenchCase[] = [
  ...imageSides.flatMap(otherOps),
  ...lossAndUpdate,
  ...imageSides.flatMap(oneByOneShapes).flatMap((shape) => oneByOne('NiN', shape)),
  ...sweepShapes.flatMap((shape) => oneByOne('sweep', shape)),
].flatMap((one) => directionsOf(one.layer).map((direction) => ({ ...one, direction })))

/** The name that `--filter` looks into and `--baseline` compares by. */
export function caseName({ group, form, direction }: Omit<BenchCase, 'layer'>): string {
  return `${group}: ${form}, ${direction}`
}
