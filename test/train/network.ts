/** The networks of the fixtures `nin-*`, with what they start from. */
import { data, NiN, type Dataset } from '../../lib/index.js'
import { loadFixture, type Fixture, type NetworkDescription } from '../fixtures/load.js'
import type { StoredTensor } from '../../lib/checkpoint/safetensors.js'
import { tensor, type RefTensor, type Shape4 } from '../reference/tensor.js'

export type NetworkFixture = Fixture<NetworkDescription>

export interface FixtureNetwork {
  readonly fixture: NetworkFixture
  /** The network with the values that PyTorch's had at first. */
  readonly net: NiN
  /** The network's input [N,C,H,W], float32 numbers. */
  readonly x: RefTensor
  readonly labels: Int32Array
  /** Images and labels as the trainer takes them, in one batch. */
  readonly dataset: Dataset
}

/** The state_dict that PyTorch's network had at first. */
export function initialState({ names, stored }: NetworkFixture): Map<string, StoredTensor> {
  return new Map(names('initial.').map((key) => [key, stored(`initial.${key}`)]))
}

/** A network of the fixture's architecture, without values. */
export function emptyNetwork({ description }: NetworkFixture): NiN {
  const { variant, inChannels, channels, numClasses, depth } = description
  return new NiN({ variant, inChannels, channels, numClasses, blockDepth: depth, dropout: 0 })
}

export async function loadNetwork(name: string): Promise<FixtureNetwork> {
  const fixture = await loadFixture<NetworkDescription>(name)
  const { numClasses, normalize } = fixture.description
  const net = emptyNetwork(fixture)
  await net.loadStateDict(initialState(fixture))
  const images = fixture.tensor('images')
  const [count, channels, height, width] = images.shape as Shape4
  const labels = Int32Array.from(fixture.tensor('labels').data)
  const dataset = data.fromArrays({
    images: Uint8Array.from(images.data),
    shape: [count, channels, height, width],
    layout: 'nchw',
    labels,
    classes: numClasses,
    normalize,
  })
  return { fixture, net, x: normalized(images, normalize), labels, dataset }
}

/** (v / 255 - mean) / std, each operation rounded to float32. */
function normalized({ shape, data: bytes }: RefTensor, { mean, std }: NetworkDescription['normalize']): RefTensor {
  const [, channels, height, width] = shape as Shape4
  const { fround } = Math
  return tensor(
    Float64Array.from(bytes, (byte, e) => {
      const c = Math.floor(e / (height * width)) % channels
      return fround(fround(fround(byte / 255) - fround(mean[c]!)) / fround(std[c]!))
    }),
    shape,
  )
}
