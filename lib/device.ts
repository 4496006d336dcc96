/** Devices: opening them, their memory, and running compiled graphs on them. */
import { existsSync } from 'node:fs'
import { requireOptions } from './check.js'
import { DeviceError, OptionError, OutOfMemoryError } from './errors.js'
import type { CompiledGraph } from './graph/compile.js'
import type { Contents, NativeAddon, NativeBuffer, NativeDevice, NativePlan, Peaks, PlanProfile } from './native/binding.js'
import { addonPath, buildCommand, loadAddon, wrapNativeError } from './native/load.js'
import { describe } from './ops/check.js'
import { ops } from './ops/list.js'

/** `auto` takes the best that is there and says so; all others are there or an error. */
export type DeviceName = 'auto' | 'cpu' | 'cuda' | `cuda:${number}`

export interface OpenOptions {
  /** Threads of the CPU device. Default: one per physical core. */
  readonly threads?: number
  /**
   * Whether a GPU's kernels are chosen by measuring, not by cuDNN's heuristics. Default false. The first compilation takes
   * longer; the choices are kept in the cache. Nothing on the CPU.
   */
  readonly autotune?: boolean
}

/** A piece of device memory that is bound to a slot of a plan. */
export interface Binding {
  readonly buffer: NativeBuffer
  readonly byteOffset: number
}

/** A device that is open. */
export class Device {
  readonly #arena = new GrowingBuffer(this)
  /** Packed weights: those of the last plan that had some to pack. */
  readonly #weights = new GrowingBuffer(this)
  /** What they are, once they are whole, and what is to be packed last. */
  #packed: Packed | undefined
  #packing: Packed | undefined
  readonly #versions = new WeakMap<NativeBuffer, number>()

  constructor(
    /** `cpu` or `cuda:0`. */
    readonly name: string,
    readonly backend: NativeAddon['backend'],
    readonly native: NativeDevice,
  ) {}

  /** Memory with zeros or, where all of it is written before it is read, anything in it. Throws OutOfMemoryError. */
  allocate(bytes: number, contents: Contents): NativeBuffer {
    if (bytes > Number.MAX_SAFE_INTEGER) {
      const freeBytes = guard(() => this.native.freeBytes())
      throw new OutOfMemoryError(`needed ${bytes} bytes, free are ${freeBytes}; use a smaller shape`, bytes, freeBytes)
    }
    return guard(() => this.native.createBuffer(Math.max(bytes, 1), contents))
  }

  /** Copies `data` at once, and to the device in its turn. */
  async write({ buffer, byteOffset }: Binding, data: ArrayBufferView): Promise<void> {
    this.#count(buffer)
    await guardAsync(() => this.native.write(buffer, byteOffset, data))
  }

  /** Reads bytes, in its turn. */
  async read({ buffer, byteOffset }: Binding, bytes: number): Promise<ArrayBuffer> {
    return guardAsync(() => this.native.read(buffer, byteOffset, bytes))
  }

  /**
   * Runs whole steps of a compiled graph. All plans of a device share one arena: they run one after the other.
   *
   * @param bindings the graph's inputs, then its outputs
   * @returns the number of steps that were run; less than asked for only if `signal` was aborted
   */
  async run(compiled: CompiledGraph, steps: number, bindings: readonly Binding[], signal?: AbortSignal): Promise<number> {
    if (signal?.aborted) return 0
    const { buffers, byteOffsets } = this.#bind(compiled, bindings)
    const weights = compiled.packed?.sources.map((i) => this.#contentOf(bindings[i]!)) ?? []
    for (const i of compiled.written) this.#count(bindings[i]!.buffer)
    const wanted: Packed = { compiled, buffer: buffers.at(-1)!, weights }
    if (!compiled.packed || (this.#packed && isSame(this.#packed, wanted))) {
      const plan = compiled.packed?.plan ?? compiled.plan
      return cancellable(plan, () => plan.run(steps, buffers, byteOffsets), signal)
    }
    // Other runs may pack theirs before this one ends.
    const packing = (this.#packing = wanted)
    this.#packed = undefined
    const done = await cancellable(compiled.plan, () => compiled.plan.run(steps, buffers, byteOffsets), signal)
    if (this.#packing === packing && done > 0) this.#packed = packing
    return done
  }

  /**
   * Runs steps as `run` does and times each kernel. The kernel calls are those of the compiled graph's nodes, in order.
   *
   * @param bindings the graph's inputs, then its outputs
   */
  async profile(
    compiled: CompiledGraph,
    steps: number,
    bindings: readonly Binding[],
    signal?: AbortSignal,
  ): Promise<PlanProfile> {
    const { buffers, byteOffsets } = this.#bind(compiled, bindings)
    for (const i of compiled.written) this.#count(bindings[i]!.buffer)
    if (compiled.packed) this.#packed = this.#packing = undefined
    return cancellable(compiled.plan, () => compiled.plan.profile(signal?.aborted ? 0 : steps, buffers, byteOffsets), signal)
  }

  /** Measures what the device can do at most; half a second. Undefined on a GPU, which has no such measurement. */
  async measurePeaks(): Promise<Peaks | undefined> {
    return guardAsync(() => this.native.measurePeaks())
  }

  #bind(
    compiled: CompiledGraph,
    bindings: readonly Binding[],
  ): { readonly buffers: readonly NativeBuffer[]; readonly byteOffsets: readonly number[] } {
    const { memory, packed } = compiled
    const arena = { buffer: this.#arena.atLeast(memory.arenaBytes), byteOffset: 0 }
    const weights = packed ? [{ buffer: this.#weights.atLeast(packed.bytes), byteOffset: 0 }] : []
    const all = [arena, ...bindings, ...weights]
    return { buffers: all.map(({ buffer }) => buffer), byteOffsets: all.map(({ byteOffset }) => byteOffset) }
  }

  /** What is in memory now, and will be when what is to be done before is done. */
  #contentOf({ buffer, byteOffset }: Binding): Content {
    return { buffer, byteOffset, version: this.#versions.get(buffer) ?? 0 }
  }

  /** To be called whenever a buffer is written. */
  #count(buffer: NativeBuffer): void {
    this.#versions.set(buffer, (this.#versions.get(buffer) ?? 0) + 1)
  }
}

/** The bytes at a place after so many writes to its buffer. */
interface Content extends Binding {
  readonly version: number
}

/** Weights that were packed for a plan, and where. */
interface Packed {
  readonly compiled: CompiledGraph
  readonly buffer: NativeBuffer
  readonly weights: readonly Content[]
}

function isSame(a: Packed, b: Packed): boolean {
  const isSameContent = (one: Content, other: Content): boolean =>
    one.buffer === other.buffer && one.byteOffset === other.byteOffset && one.version === other.version
  return a.compiled === b.compiled && a.buffer === b.buffer && a.weights.every((one, i) => isSameContent(one, b.weights[i]!))
}

/** Memory that is replaced by more when that is needed; what was in it is lost then. */
class GrowingBuffer {
  #buffer: NativeBuffer | undefined

  constructor(private readonly device: Pick<Device, 'allocate'>) {}

  /** So many bytes. Throws OutOfMemoryError. */
  atLeast(bytes: number): NativeBuffer {
    if (!this.#buffer || this.#buffer.byteLength < bytes) {
      // A run that is under way keeps the old one alive until it ends.
      this.#buffer?.dispose()
      this.#buffer = undefined
      this.#buffer = this.device.allocate(bytes, 'undefined')
    }
    return this.#buffer
  }
}

/** Runs a plan, whose steps end early when `signal` is aborted. */
async function cancellable<T>(plan: NativePlan, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const cancel = (): void => {
    plan.cancel()
  }
  signal?.addEventListener('abort', cancel)
  try {
    return await guardAsync(work)
  } finally {
    signal?.removeEventListener('abort', cancel)
  }
}

const opened = new Map<string, Device>()

/**
 * Opens a device, or returns it if it is open.
 *
 * @throws OptionError if there is no such name; DeviceError if the device is not there, with what was tried
 */
export function openDevice(name: DeviceName = 'auto', options: OpenOptions = {}): Device {
  requireOptions('openDevice', options, ['threads', 'autotune'])
  const { threads = 0, autotune = false } = options
  if (!Number.isSafeInteger(threads) || threads < 0 || threads > 1024) {
    throw new OptionError(`threads must be an integer from 0 (one per physical core) to 1024; received ${describe(threads)}`)
  }
  if (typeof autotune !== 'boolean') throw new OptionError(`autotune must be true or false; received ${describe(autotune)}`)
  const how = { threads, autotune }
  if (name === 'auto') return openBest(how)
  const named = parseName(name)
  if (named.backend === 'onednn') return openNamed(named, how)
  if (!existsSync(addonPath('cudnn'))) {
    throw new DeviceError(
      `device ${name} was asked for, but the addon for NVIDIA GPUs is not built (there is no ${addonPath('cudnn')}): ` +
        `${buildCommand('cudnn')} builds it; ${others}`,
    )
  }
  try {
    return openNamed(named, how)
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error
    throw new DeviceError(`device ${name} was asked for, but ${error.message}; ${others}`, { cause: error })
  }
}

const others = "or use the device 'cpu' or 'auto'"

interface Named {
  readonly backend: NativeAddon['backend']
  readonly index: number
}

/** What `auto` chose before, by how it was asked for: whether a GPU can be used is looked up once. */
const chosen = new Map<string, Device>()

/** The first GPU if its addon is built and can use it, else the CPU. */
function openBest(how: Required<OpenOptions>): Device {
  const key = JSON.stringify([how.threads, how.autotune])
  const device = chosen.get(key) ?? openUsableGpu(how) ?? openNamed({ backend: 'onednn', index: 0 }, how)
  chosen.set(key, device)
  return device
}

function openUsableGpu(how: Required<OpenOptions>): Device | undefined {
  if (!existsSync(addonPath('cudnn'))) return undefined
  try {
    return openNamed({ backend: 'cudnn', index: 0 }, how)
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error
    return undefined
  }
}

function openNamed({ backend, index }: Named, how: Required<OpenOptions>): Device {
  const key = JSON.stringify([backend, index, how.threads, how.autotune])
  const known = opened.get(key)
  if (known) return known
  const addon = loadAddon(
    backend,
    ops.map((op) => op.name),
  )
  const native = guard(() => addon.createDevice({ index, ...how }))
  const device = new Device(backend === 'onednn' ? 'cpu' : `cuda:${String(index)}`, backend, native)
  opened.set(key, device)
  return device
}

/** A device that is given itself or by name. Throws as `openDevice`. */
export function resolveDevice(device: Device | DeviceName = 'auto'): Device {
  return device instanceof Device ? device : openDevice(device)
}

function parseName(name: string): Named {
  if (name === 'cpu') return { backend: 'onednn', index: 0 }
  const cuda = /^cuda(?::(\d+))?$/.exec(name)
  if (!cuda) throw new OptionError(`device must be auto, cpu, cuda or cuda:N; received ${describe(name)}`)
  return { backend: 'cudnn', index: Number(cuda[1] ?? 0) }
}

function guard<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw wrapNativeError(error)
  }
}

/** Calls native code and types its errors. */
export async function guardAsync<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw wrapNativeError(error)
  }
}
