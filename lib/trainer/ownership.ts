/** Who frees device memory, and who may change parameters. */
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

/**
 * Takes all parameters for one run, or none.
 *
 * @returns gives them back
 * @throws OptionError if another run has one of them
 */
export function claim(parameters: readonly Parameter[]): () => void {
  const held: (() => void)[] = []
  const release = (): void => {
    for (const letGo of held) letGo()
  }
  try {
    for (const parameter of parameters) held.push(parameter.hold())
  } catch (error) {
    release()
    throw error
  }
  return release
}
