import { describe, expect, test } from '@jest/globals'
import { fromArrays } from '../../lib/data/fromArrays.js'
import { CheckpointError } from '../../lib/errors.js'
import { loadNetwork, networkMetadata } from '../../lib/models/description.js'
import { NiN, ninVariants } from '../../lib/models/nin.js'
import { useTemporaryFolder } from '../temporaryFolder.js'

const folder = useTemporaryFolder()

const size = 224
const dataset = fromArrays({
  images: new Uint8Array(2 * 8 * 9 * 3),
  shape: [2, 8, 9, 3],
  labels: [0, 1],
  classes: ['cat', 'dog'],
  resize: [size, size + 1],
  normalize: { mean: [0.1, 0.2, 0.3], std: [1, 2, 3] },
})

function make(variant: (typeof ninVariants)[number]): NiN {
  return new NiN({ variant, numClasses: 2, inChannels: 3, channels: [4, 5, 6], blockDepth: 1, dropout: 0.25 })
}

test.each(ninVariants)('a %s network is made again with its values and what it takes', async (variant) => {
  const net = make(variant).materialize([1, 3, size, size + 1], { seed: 5 })
  await net.save(folder('net'), networkMetadata(net, dataset))
  const { net: loaded, input, classes } = await loadNetwork(folder('net'))
  expect(loaded.options).toEqual(net.options)
  expect(await loaded.stateDict()).toEqual(await net.stateDict())
  expect(input).toEqual({ channels: 3, size: [size, size + 1], normalize: dataset.normalize })
  expect(classes).toEqual(['cat', 'dog'])
})

test("a data set that is neither resized nor normalised gives its images' own size", async () => {
  const net = make('d2l').materialize()
  const plain = fromArrays({ images: dataset.images, shape: [2, 8, 9, 3], labels: [0, 1] })
  await net.save(folder('net'), networkMetadata(net, plain))
  expect((await loadNetwork(folder('net'))).input).toEqual({ channels: 3, size: [8, 9], normalize: undefined })
})

describe('a CheckpointError says', () => {
  const key = 'mlpconv.network'

  test('that a file does not tell its network', async () => {
    await make('d2l').materialize().save(folder('net'))
    await expect(loadNetwork(folder('net'))).rejects.toThrow(CheckpointError)
    await expect(loadNetwork(folder('net'))).rejects.toThrow(/received one without mlpconv\.network.*net\.load\(path\)/)
  })

  const description = JSON.parse(networkMetadata(make('d2l'), dataset)[key]!) as Record<string, Record<string, unknown>>
  test.each<[string, object]>([
    ['nothing', {}],
    ['another version', { ...description, version: 2 }],
    ['another model', { ...description, model: 'VGG' }],
    ['an unknown variant', { ...description, options: { ...description.options, variant: 'other' } }],
    ['a network without end', { ...description, options: { ...description.options, blockDepth: 1e9 } }],
    ['fewer classes than the network has', { ...description, classes: ['cat'] }],
    ['an input of two channels', { ...description, input: { ...description.input, channels: 2 } }],
  ])('that the description is damaged: %s', async (_, damaged) => {
    await make('d2l')
      .materialize()
      .save(folder('net'), { [key]: JSON.stringify(damaged) })
    await expect(loadNetwork(folder('net'))).rejects.toThrow(CheckpointError)
    await expect(loadNetwork(folder('net'))).rejects.toThrow(/: the description of the network is damaged \(/)
  })

  test('that the values are of another network', async () => {
    const net = make('d2l').materialize()
    await net.save(folder('net'), networkMetadata(new NiN({ ...net.options, blockDepth: 2 }), dataset))
    await expect(loadNetwork(folder('net'))).rejects.toThrow(/missing: /)
  })
})
