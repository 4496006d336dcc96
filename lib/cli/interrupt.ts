/** Ctrl-C and SIGTERM. */

/** What a program exits with that was told to stop. */
export const interruptedCode = 130

const signals = ['SIGINT', 'SIGTERM'] as const

/** The reason of a signal that was aborted because the user wants to stop. */
export class Interrupted extends Error {}

/**
 * Runs `work`, which the first SIGINT or SIGTERM tells to stop; a second one ends the process at once.
 *
 * @param onInterrupt called at the first one
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>, onInterrupt: () => void): Promise<T> {
  const controller = new AbortController()
  const handle = (): void => {
    if (controller.signal.aborted) process.exit(interruptedCode)
    onInterrupt()
    controller.abort(new Interrupted())
  }
  for (const signal of signals) process.on(signal, handle)
  try {
    return await work(controller.signal)
  } finally {
    for (const signal of signals) process.off(signal, handle)
  }
}
