/** What a run is made by: a recipe or the run that goes on, and the options that were given. */
import { resolve } from 'node:path'
import { z } from 'zod'
import { parseMetadata } from '../checkpoint/metadata.js'
import { OptionError } from '../errors.js'
import { ninVariants } from '../models/nin.js'
import { recipes, type RecipeName } from '../models/recipes.js'
import { SGD } from '../optim/sgd.js'
import { precisions } from '../trainer/options.js'

/** The presets of `--preset`. */
export const presets = Object.keys(recipes) as RecipeName[]
/** The data set that needs no folder. */
export const fashionMnistName = 'fashion-mnist'

const metadataKey = 'mlpconv.run'
const positive = z.int().positive()

const settingsSchema = z.strictObject({
  preset: z.enum(presets),
  dataset: z.string(),
  limit: positive.optional(),
  variant: z.enum(ninVariants),
  blockDepth: z.int().nonnegative(),
  resize: positive,
  batchSize: positive,
  microBatch: positive.optional(),
  epochs: positive,
  lr: z.number().nonnegative(),
  momentum: z.number().nonnegative(),
  weightDecay: z.number().nonnegative(),
  nesterov: z.boolean(),
  clipGradNorm: z.number().nonnegative(),
  seed: z.int().nonnegative(),
  dtype: z.enum(precisions),
})

const names = Object.keys(settingsSchema.shape) as (keyof Settings)[]

/** All that decides what a run comes to. Where it runs and where it writes is not part of it. */
export type Settings = Readonly<z.infer<typeof settingsSchema>>

/** The settings that were given as options. */
export type GivenSettings = { readonly [K in keyof Settings]?: Settings[K] | undefined }

/** What cannot change when a run goes on, and its option. */
const fixed = {
  preset: '--preset',
  limit: '--limit',
  variant: '--variant',
  blockDepth: '--block-depth',
  resize: '--resize',
  batchSize: '--batch-size',
  seed: '--seed',
} as const satisfies Partial<Record<keyof Settings, string>>

/** A preset with what was given in place of its own. */
export function newSettings(given: GivenSettings): Settings {
  const preset = given.preset ?? 'fast'
  const { variant, resize, batchSize, epochs, optimizer } = recipes[preset]
  const { lr, momentum, weightDecay, nesterov, clipGradNorm } = optimizer
  const own: Settings = {
    preset,
    dataset: fashionMnistName,
    variant,
    blockDepth: 2,
    resize,
    batchSize,
    epochs,
    lr,
    momentum,
    weightDecay,
    nesterov,
    clipGradNorm,
    seed: 0,
    dtype: 'float32',
  }
  return replace(own, given)
}

/**
 * The settings of a run that goes on, with what was given in place of its own.
 *
 * @throws OptionError if something was given that cannot change
 */
export function resumedSettings(own: Settings, given: GivenSettings): Settings {
  for (const [name, option] of Object.entries(fixed) as [keyof typeof fixed, string][]) {
    if (given[name] !== undefined && given[name] !== own[name]) {
      throw new OptionError(
        `${option} cannot change when a run goes on: expected ${String(own[name] ?? 'none')}, as it began; ` +
          `received ${given[name]}. Leave ${option} out, or start a new run without --resume`,
      )
    }
  }
  return replace(own, given)
}

function replace(own: Settings, given: GivenSettings): Settings {
  const said = names.filter((name) => given[name] !== undefined).map((name) => [name, given[name]] as const)
  const settings = { ...own, ...Object.fromEntries(said) } as Settings
  const { dataset, momentum, nesterov } = settings
  return {
    ...settings,
    dataset: dataset === fashionMnistName ? dataset : resolve(dataset),
    // Who switches momentum off means the preset's Nesterov momentum too.
    nesterov: given.nesterov ?? (nesterov && momentum > 0),
  }
}

/** The optimizer of the settings. Throws OptionError if they do not go together. */
export function optimizerOf({ lr, momentum, weightDecay, nesterov, clipGradNorm }: Settings): SGD {
  return SGD({ lr, momentum, weightDecay, nesterov, clipGradNorm })
}

/** The metadata that `readSettings` reads. */
export function settingsMetadata(settings: Settings): Readonly<Record<string, string>> {
  return { [metadataKey]: JSON.stringify(settings) }
}

/**
 * The settings of the run that wrote a checkpoint; undefined if `mlpconv train` did not.
 *
 * @throws CheckpointError if they are damaged
 */
export function findSettings(path: string, metadata: Readonly<Record<string, string>>): Settings | undefined {
  const text = metadata[metadataKey]
  return text === undefined ? undefined : parseMetadata(path, 'the record of the settings', text, settingsSchema)
}
