/** Who frees device memory, and who may change parameters. */
import { OptionError } from '../errors.js'
import type { Parameter } from '../nn/parameter.js'

/** Something that holds memory of a device. */
export interface Disposable {
  dispose(): void
}

/**
 * Calls `make`, and if it fails frees all that it had made so far.
 *
 * @param make passes each thing that it makes through `own`, which returns it
 */
export async function disposeOnFailure<T>(
  make: (own: <D extends Disposable>(made: D) => D) => Promise<T>,
): Promise<T> {
  const owned: Disposable[] = []
  try {
    return await make((made) => {
      owned.push(made)
      return made
    })
  } catch (error) {
    for (const made of owned) made.dispose()
    throw error
  }
}

/** The parameters that a run is changing now. */
const inTraining = new WeakSet<Parameter>()

/**
 * Takes parameters for one run: a second one would move them away from under it.
 *
 * @returns gives them back
 * @throws OptionError if another run has one of them
 */
export function claim(parameters: readonly Parameter[]): () => void {
  if (parameters.some((parameter) => inTraining.has(parameter))) {
    throw new OptionError(
      'fit: the network, or a layer that it shares with another, is being trained already; wait for that run to end, or end ' +
        'it with its signal or its return()',
    )
  }
  for (const parameter of parameters) inTraining.add(parameter)
  return () => {
    for (const parameter of parameters) inTraining.delete(parameter)
  }
}
