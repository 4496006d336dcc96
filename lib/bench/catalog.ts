/** The layers that `mlpconv bench` times when it is told none: data, by name. */
import { directions, type Direction } from './benchmark.js'
import type { LayerInput } from './layer.js'

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

/** Every op of NiN at 224x224, alone; what repeats is there once. */
const ninOps: readonly (readonly [string, LayerInput])[] = [
  ['11x11 convolution, stride 4', { kind: 'conv2d', input: [batch, 1, 224, 224], outChannels: 96, kernelSize: 11, stride: 4 }],
  ['5x5 convolution', { kind: 'conv2d', input: [batch, 96, 26, 26], outChannels: 256, kernelSize: 5, padding: 2 }],
  ['3x3 convolution', { kind: 'conv2d', input: [batch, 256, 12, 12], outChannels: 384, kernelSize: 3, padding: 1 }],
  ['3x3 convolution to classes', { kind: 'conv2d', input: [batch, 384, 5, 5], outChannels: 10, kernelSize: 3, padding: 1 }],
  ['ReLU', { kind: 'relu', input: [batch, 96, 54, 54] }],
  ['3x3 max pooling, stride 2', { kind: 'maxPool2d', input: [batch, 96, 54, 54], kernelSize: 3, stride: 2 }],
  ['dropout', { kind: 'dropout', input: [batch, 384, 5, 5] }],
  ['5x5 average pooling', { kind: 'avgPool2d', input: [batch, 10, 5, 5], kernelSize: 5, stride: 5 }],
]

const ninShapes: readonly Shape[] = [
  [batch, 96, 54],
  [batch, 256, 26],
  [batch, 384, 12],
  [batch, 10, 5],
]

const sweepShapes: readonly Shape[] = [32, 128, 512].flatMap((channels) =>
  [1, 7, 28].flatMap((pixels) => [1, batch].map((images): Shape => [images, channels, pixels])),
)

/** All of it, forward and backward. */
export const catalog: readonly BenchCase[] = [
  ...ninOps.map(([form, layer]) => ({ group: 'NiN: its other ops, batch 64', form, layer })),
  ...ninShapes.flatMap((shape) => oneByOne('NiN', shape)),
  ...sweepShapes.flatMap((shape) => oneByOne('sweep', shape)),
].flatMap((one) => directions.map((direction) => ({ ...one, direction })))

/** The name that `--filter` looks into and `--baseline` compares by. */
export function caseName({ group, form, direction }: Omit<BenchCase, 'layer'>): string {
  return `${group}: ${form}, ${direction}`
}
