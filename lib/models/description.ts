/** What a checkpoint says of its network, so that it can be made again, with what its input is made of. */
import { z } from 'zod'
import { parseMetadata } from '../checkpoint/metadata.js'
import { readSafetensors } from '../checkpoint/safetensors.js'
import type { Dataset, Normalization } from '../data/dataset.js'
import { CheckpointError } from '../errors.js'
import { networkTensors } from '../nn/stateDict.js'
import { inputShape } from '../trainer/resident.js'
import { NiN, ninVariants } from './nin.js'

/** The key of the file's metadata. */
const metadataKey = 'mlpconv.network'
/** No network is larger; a damaged file must not make one. */
const most = 2 ** 16

const size = z.int().positive().max(most)
const perChannel = z.array(z.number())

const descriptionSchema = z
  .strictObject({
    version: z.literal(1),
    model: z.literal('NiN'),
    options: z.strictObject({
      variant: z.enum(ninVariants),
      numClasses: size,
      inChannels: size,
      channels: z.tuple([size, size, size]),
      blockDepth: z.int().nonnegative().max(100),
      dropout: z.number().min(0).lt(1),
    }),
    input: z.strictObject({
      channels: z.literal([1, 3]),
      height: size,
      width: size,
      normalize: z.strictObject({ mean: perChannel, std: perChannel }).nullable(),
    }),
    classes: z.array(z.string()),
  })
  .refine(({ options, classes }) => classes.length === options.numClasses, 'as many classes as the network has')

type Description = z.infer<typeof descriptionSchema>

/** A network that was trained, and what it takes. */
export interface TrainedNetwork {
  readonly net: NiN
  readonly input: {
    readonly channels: 1 | 3
    /** Height and width in pixels. */
    readonly size: readonly [number, number]
    readonly normalize: Normalization | undefined
  }
  /** The names of the classes. */
  readonly classes: readonly string[]
  /** All texts of the file. */
  readonly metadata: Readonly<Record<string, string>>
}

/**
 * The metadata that `loadNetwork` reads: for the `metadata` of a Trainer, or for `net.save(path, metadata)`.
 *
 * @param dataset what the network is trained on
 */
export function networkMetadata({ options }: NiN, dataset: Dataset): Readonly<Record<string, string>> {
  const [, channels, height, width] = inputShape(dataset, 1)
  const { classes, normalize = null } = dataset
  const description = { version: 1, model: 'NiN', options, input: { channels, height, width, normalize }, classes }
  return { [metadataKey]: JSON.stringify(description) }
}

/**
 * Makes the network of a file again, with its values.
 *
 * @returns a promise that rejects with CheckpointError if the file is damaged or does not say what its network is
 */
export async function loadNetwork(path: string): Promise<TrainedNetwork> {
  const { tensors, metadata } = await readSafetensors(path)
  const { options, input, classes } = readDescription(path, metadata[metadataKey])
  const net = new NiN(options)
  await net.loadStateDict(networkTensors(tensors))
  const { channels, height, width, normalize } = input
  return { net, input: { channels, size: [height, width], normalize: normalize ?? undefined }, classes, metadata }
}

function readDescription(path: string, text: string | undefined): Description {
  if (text === undefined) {
    throw new CheckpointError(
      `${path}: expected a checkpoint that says what its network is, as \`mlpconv train\` writes it; received one without ` +
        `${metadataKey}. In a program, make the network yourself and call net.load(path)`,
    )
  }
  return parseMetadata(path, 'the description of the network', text, descriptionSchema)
}
