/**
 * Checkpoints of a run: one safetensors file with the parameters under their state_dict keys, the momentum under
 * `optimizer.momentum.<key>`, and the progress as JSON in the metadata. Any reader of safetensors can take the parameters.
 */
import { z } from 'zod'
import { parseMetadata } from '../checkpoint/metadata.js'
import { readSafetensors, writeSafetensors, type StoredTensor } from '../checkpoint/safetensors.js'
import { CheckpointError } from '../errors.js'
import type { Module } from '../nn/module.js'

const metadataKey = 'mlpconv.training'
const momentumPrefix = 'optimizer.momentum.'

const epochSchema = z.strictObject({
  epoch: z.int(),
  loss: z.number(),
  trainAccuracy: z.number(),
  testLoss: z.number().exactOptional(),
  testAccuracy: z.number().exactOptional(),
  examplesPerSecond: z.number(),
  seconds: z.number(),
})

const progressSchema = z.strictObject({
  version: z.literal(1),
  /** What must be the same for the run to go on as if it had not been stopped. */
  seed: z.int().nonnegative(),
  batchSize: z.int().positive(),
  samples: z.int().positive(),
  /** Epochs that are done. */
  epoch: z.int().nonnegative(),
  /** Steps of the present epoch that are done, and what was counted in them. */
  step: z.int().nonnegative(),
  metrics: z.array(z.number()),
  history: z.array(epochSchema),
})

/** What an epoch came to. */
export type Epoch = Readonly<z.infer<typeof epochSchema>>

/** How far a run is, without its tensors. */
export type TrainingProgress = Readonly<z.infer<typeof progressSchema>>

/** A checkpoint that was read. */
export interface Checkpoint {
  readonly progress: TrainingProgress
  readonly parameters: ReadonlyMap<string, StoredTensor>
  readonly momentum: ReadonlyMap<string, Float32Array>
  /** The texts that were written with it. */
  readonly metadata: Readonly<Record<string, string>>
}

/**
 * Writes a checkpoint, whole or not at all.
 *
 * @param metadata texts of the caller's that go with it
 * @throws CheckpointError
 */
export async function writeCheckpoint(
  path: string,
  net: Module,
  momentum: ReadonlyMap<string, Float32Array> | undefined,
  progress: TrainingProgress,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const parameters = await net.stateDict()
  const tensors = new Map<string, StoredTensor>()
  for (const [key, { shape, data }] of parameters) tensors.set(key, { dtype: 'float32', shape, data })
  for (const [key, data] of momentum ?? []) {
    tensors.set(momentumPrefix + key, { dtype: 'float32', shape: parameters.get(key)!.shape, data })
  }
  await writeSafetensors(path, tensors, { ...metadata, [metadataKey]: JSON.stringify(progress) })
}

/** Reads a checkpoint. Rejects with CheckpointError if it is none, or is damaged. */
export async function readCheckpoint(path: string): Promise<Checkpoint> {
  const { tensors, metadata } = await readSafetensors(path)
  const text = metadata[metadataKey]
  if (text === undefined) {
    throw new CheckpointError(
      `${path}: expected a checkpoint of a training run; received a file of parameters alone. ` +
        'Load it with net.load(path) and start a new run',
    )
  }
  const progress = parseMetadata(path, 'the training progress', text, progressSchema)
  const parameters = new Map<string, StoredTensor>()
  const momentum = new Map<string, Float32Array>()
  for (const [key, tensor] of tensors) {
    if (!key.startsWith(momentumPrefix)) parameters.set(key, tensor)
    else if (tensor.dtype === 'float32') momentum.set(key.slice(momentumPrefix.length), tensor.data)
  }
  return { progress, parameters, momentum, metadata }
}
