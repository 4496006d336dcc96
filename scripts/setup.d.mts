/** Runs the steps of the set-up in order, a line for each on the screen. Rejects with an error for `printError`. */
export function setup(options?: { readonly only?: readonly string[]; readonly skip?: readonly string[] }): Promise<void>
/** Whether there is an NVIDIA GPU with its driver. */
export function hasNvidiaGpu(): boolean
export function printError(error: unknown): void
