/** Loading an addon, and its errors as those of lib/errors.ts. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  DTypeError,
  DeviceError,
  DisposedError,
  MlpconvError,
  OptionError,
  OutOfMemoryError,
  ShapeError,
} from '../errors.js'
import type { NativeAddon } from './binding.js'

type Backend = NativeAddon['backend']

// Two folders up, from lib/native as from dist/native.
const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const require = createRequire(import.meta.url)
const loaded = new Map<Backend, NativeAddon>()

/**
 * Loads a backend's addon, once per process.
 *
 * @param requiredOps the ops that it must have kernels for
 * @throws DeviceError if it is not built, does not load, or lacks an op; the message says what to do
 */
export function loadAddon(backend: Backend, requiredOps: readonly string[]): NativeAddon {
  const addon = loaded.get(backend) ?? load(backend)
  loaded.set(backend, addon)
  const missing = requiredOps.filter((op) => !addon.ops.includes(op))
  if (missing.length > 0) {
    throw new DeviceError(
      `The ${backend} addon has no kernels for ${missing.join(', ')}: it was built from another version. ` +
        `Build it again: ${buildCommand(backend)}`,
    )
  }
  return addon
}

/** Where a backend's addon is built. */
export function addonPath(backend: Backend): string {
  return join(root, 'build', 'Release', `mlpconv_${backend}.node`)
}

function load(backend: Backend): NativeAddon {
  const path = addonPath(backend)
  try {
    return require(path) as NativeAddon
  } catch (cause) {
    throw new DeviceError(loadingFailure(backend, path, messageOf(cause).split('\nRequire stack', 1)[0]!), { cause })
  }
}

function loadingFailure(backend: Backend, path: string, reason: string): string {
  return [
    `Could not load the ${backend} addon for ${process.platform}-${process.arch}.`,
    `  tried:   ${path}${existsSync(path) ? '' : ' (there is no such file)'}`,
    `  runtime: Node ${process.version}, ${libc()}`,
    `  reason:  ${reason}`,
    `  do:      ${buildCommand(backend)}`,
  ].join('\n')
}

/** What builds the addon: in an installed package its own command line does. */
export function buildCommand(backend: Backend): string {
  const isInstalled = root.includes(`${sep}node_modules${sep}`)
  if (backend === 'cudnn') return isInstalled ? 'npx mlpconv setup --cuda' : 'npm run build:cuda'
  return isInstalled ? 'npx mlpconv setup' : 'npm run setup'
}

function libc(): string {
  if (process.platform !== 'linux') return 'the system’s own C library'
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } }
  const version = report.header?.glibcVersionRuntime
  return version === undefined ? 'a C library that is not glibc (musl?)' : `glibc ${version}`
}

/** An error with its message and, where native code gave them, its code and sizes. */
interface NativeError {
  readonly message: string
  readonly code?: unknown
  readonly neededBytes?: unknown
  readonly freeBytes?: unknown
}

const classes: Readonly<Record<string, new (message: string) => MlpconvError>> = {
  ERR_SHAPE: ShapeError,
  ERR_DTYPE: DTypeError,
  ERR_OPTION: OptionError,
  ERR_DEVICE: DeviceError,
  ERR_DISPOSED: DisposedError,
}

/**
 * The error of lib/errors.ts for an error that native code threw, which becomes its `cause`. Others stay as they are.
 * An OutOfMemoryError whose sizes are 0 came from the host's own allocator, which does not say them.
 */
export function wrapNativeError(error: unknown): unknown {
  if (error instanceof MlpconvError || !isNativeError(error)) return error
  const wrapped = wrap(error)
  if (wrapped === undefined) return error
  wrapped.cause = error
  return wrapped
}

function wrap(error: NativeError): MlpconvError | undefined {
  if (error.code === 'ERR_OUT_OF_MEMORY') {
    return new OutOfMemoryError(error.message, Number(error.neededBytes ?? 0), Number(error.freeBytes ?? 0))
  }
  const class_ = typeof error.code === 'string' ? classes[error.code] : undefined
  return class_ && new class_(error.message)
}

// Not `instanceof Error`, which fails for errors of another realm.
function isNativeError(error: unknown): error is NativeError {
  return Object.prototype.toString.call(error) === '[object Error]'
}

function messageOf(error: unknown): string {
  return isNativeError(error) ? error.message : String(error)
}
