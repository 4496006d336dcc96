/** A oneDNN that will do: its headers' folder, its shared library, its version, and where it was found. */
export interface OneDnn {
  readonly include: string
  readonly library: string
  readonly version: string
  readonly source: string
}

/** Where a fetched oneDNN lies. */
export function cachedRoot(env?: NodeJS.ProcessEnv): string
/** The first of ONEDNN_ROOT, pkg-config and the cache. Rejects with an error that says what was tried. */
export function findOneDnn(env?: NodeJS.ProcessEnv): Promise<OneDnn>
/** The same; fetched into the cache if there is none. */
export function ensureOneDnn(env?: NodeJS.ProcessEnv): Promise<OneDnn>
