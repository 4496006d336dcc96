/** A network's values by name, as PyTorch's state_dict. */
import type { StoredTensor } from '../checkpoint/safetensors.js'
import { CheckpointError } from '../errors.js'
import { describeShape } from '../ops/check.js'
import type { Parameter } from './parameter.js'

/** A parameter's values in logical order. */
export type StateTensor = Extract<StoredTensor, { dtype: 'float32' }>

/** Values by PyTorch's keys, such as `0.2.weight`. */
export type StateDict = ReadonlyMap<string, StateTensor>

/** Tensors of a checkpoint under this prefix are the optimizer's, such as its momentum. */
export const optimizerPrefix = 'optimizer.'

/** The tensors of a checkpoint that are the network's. */
export function networkTensors(tensors: ReadonlyMap<string, StoredTensor>): ReadonlyMap<string, StoredTensor> {
  return new Map([...tensors].filter(([key]) => !key.startsWith(optimizerPrefix)))
}

type NamedParameters = readonly (readonly [string, Parameter])[]

/** Copies the present values. All reads are asked for at once, so they are of one moment. */
export async function readState(named: NamedParameters): Promise<StateDict> {
  return new Map(
    await Promise.all(
      named.map(async ([key, parameter]) => {
        const data = await parameter.read()
        return [key, { dtype: parameter.dtype, shape: parameter.shape, data }] as const
      }),
    ),
  )
}

/**
 * Replaces all values, or none if anything does not fit.
 *
 * @param source what the state is, for the message
 * @throws CheckpointError with all keys that are missing, that no parameter has, and that do not fit
 */
export async function writeState(
  named: NamedParameters,
  state: ReadonlyMap<string, StoredTensor>,
  source: string,
): Promise<void> {
  const expected = new Map(named)
  const missing = [...expected.keys()].filter((key) => !state.has(key))
  const unexpected = [...state.keys()].filter((key) => !expected.has(key))
  const accepted: [Parameter, StateTensor][] = []
  const wrong: string[] = []
  for (const [key, parameter] of expected) {
    const tensor = state.get(key)
    if (!tensor) continue
    if (tensor.dtype === 'float32' && parameter.fits(tensor.shape)) accepted.push([parameter, tensor])
    else {
      const received = `${tensor.dtype} ${describeShape(tensor.shape)}`
      wrong.push(`${key}, which must be float32 ${parameter.describeShape()}; received ${received}`)
    }
  }
  const problems = [
    ...(missing.length > 0 ? [`missing: ${missing.join(', ')}`] : []),
    ...(unexpected.length > 0 ? [`unexpected: ${unexpected.join(', ')}`] : []),
    ...wrong.map((tensor) => `does not fit: ${tensor}`),
  ]
  if (problems.length > 0) {
    throw new CheckpointError(
      [
        `${source} does not fit the network, and nothing was loaded;`,
        'make the network with the options of the one that was saved.',
        ...problems,
      ].join('\n  '),
    )
  }
  await Promise.all(accepted.map(([parameter, { data, shape }]) => parameter.write(data, shape)))
}
