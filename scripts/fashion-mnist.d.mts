/** A file of the data set: its name without `.gz`, the size and SHA-256 of its unpacked content. */
export interface SourceFile {
  readonly name: string
  readonly bytes: number
  readonly sha256: string
}

/** A place that the files can come from. */
export interface Source {
  readonly name: string
  /** What it gives is kept in the cache, and after its first failure it is asked no more. */
  readonly remote?: boolean
  /** The user named it, so no later source may stand in for it. */
  readonly required?: boolean
  /** Gets ready; resolves to a function that reads one file, packed with gzip or not. */
  open(wanted: readonly SourceFile[]): Promise<(file: SourceFile) => Promise<Uint8Array>>
}

export interface LoadOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly sources?: readonly Source[]
  readonly expected?: readonly SourceFile[]
  /** Called with the name of each remote source that is asked. */
  readonly onProgress?: (source: string) => void
}

export const files: readonly SourceFile[]
export function dataFolder(env?: NodeJS.ProcessEnv): string
export function defaultSources(env?: NodeJS.ProcessEnv): Source[]
export function folder(name: string, path: string, required?: boolean): Source
export function mirror(url: string, limits?: { readonly answer: number; readonly pause: number }): Source
export function loadFashionMnist(options?: LoadOptions): Promise<Record<string, Uint8Array>>
