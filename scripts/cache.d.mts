export function cacheFolder(env?: NodeJS.ProcessEnv, platform?: NodeJS.Platform): string
export function sha256(path: string): Promise<string>
export function withTemporary<T>(destination: string, use: (temporary: string) => Promise<T>): Promise<T>
export function writeWhole(destination: string, fill: (temporary: string) => Promise<void>): Promise<void>
