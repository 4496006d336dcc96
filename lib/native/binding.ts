/**
 * The typed face of an addon, the same for every backend. JavaScript owns defaults and checks; native code takes
 * plain arguments. Nothing outside lib/native and lib/graph/compile.ts sees these types' objects.
 *
 * Native errors are `Error`s with a `code` of lib/errors.ts (ERR_OUT_OF_MEMORY also with `neededBytes`, `freeBytes`).
 */
import type { TensorSpec } from '../graph/graph.js'

/** Plain values that parametrise an op; the names are the op's own. */
export type Attributes = Readonly<Record<string, boolean | number | string | readonly number[]>>

/** What one addon exports. */
export interface NativeAddon {
  readonly backend: 'onednn' | 'cudnn'
  /** The names of the ops that it has kernels for. */
  readonly ops: readonly string[]
  /** Plain facts for `doctor`: library versions, instruction set, threads, devices. */
  info(): Readonly<Record<string, string | number | boolean>>
  createDevice(options: DeviceOptions): NativeDevice
}

export interface DeviceOptions {
  /** Which device of the backend; 0 on the CPU. */
  readonly index: number
  /** Threads of the CPU backend; 0 means one per physical core. */
  readonly threads: number
  /**
   * cuDNN's device properties, as JSON, of a GPU that need not be there: kernels can be made for it and asked about, not
   * run.
   */
  readonly properties?: string
  /** Whether kernels are chosen by measuring, where the backend can: cuDNN's engines. The choices are kept. */
  readonly autotune?: boolean
}

/** What is in memory when it is made. */
export type Contents = 'zeros' | 'undefined'

/** A device with one worker thread on which all of its work runs, in the order in which it was asked for. */
export interface NativeDevice {
  /** The threads in use. */
  readonly threads: number
  /** Free memory in bytes. */
  freeBytes(): number
  /**
   * Allocates at least one byte, aligned to at least 64 bytes: zeros, or anything where all of it is written before it is
   * read. Throws ERR_OUT_OF_MEMORY.
   */
  createBuffer(bytes: number, contents?: Contents): NativeBuffer
  /** Makes kernels on the worker thread. Rejects with the op's name if one cannot be made. */
  createKernels(descriptions: readonly KernelDescription[]): Promise<NativeKernel[]>
  /** Binds kernels to locations. Cheap; allocates no device memory. */
  createPlan(description: PlanDescription): NativePlan
  /** Copies `data` at once and sends it to the device in its turn. */
  write(buffer: NativeBuffer, byteOffset: number, data: ArrayBufferView): Promise<void>
  /** Reads bytes in its turn. */
  read(buffer: NativeBuffer, byteOffset: number, byteLength: number): Promise<ArrayBuffer>
  /** Measures what the device can do at most, in its turn, on all threads; undefined on a GPU, which has no such measurement. */
  measurePeaks(): Promise<Peaks | undefined>
  /** Waits for nothing: pending work ends soon and rejects with ERR_DISPOSED, which later calls throw. */
  dispose(): void
}

/** What a device can do at most. */
export interface Peaks {
  /** Multiply-adds in float32, each of them two, per second. */
  readonly flops: number
  /** Bytes of memory per second, read and written. */
  readonly bandwidth: number
}

/** A piece of device memory. V8 is told of its size. */
export interface NativeBuffer {
  readonly byteLength: number
  /** Frees it as soon as no running plan uses it; later use throws ERR_DISPOSED. */
  dispose(): void
}

export interface KernelDescription {
  readonly op: string
  readonly attributes: Attributes
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
}

/** One op of one shape, ready to run. */
export interface NativeKernel {
  readonly workspaceBytes: number
  /** For each output its size in bytes, `opaque` ones included. */
  readonly outputBytes: readonly number[]
  /** Inputs that the kernel wants in its own layout: the kernel that makes it, and its size. */
  readonly packs: readonly { readonly input: number; readonly bytes: number; readonly kernel: NativeKernel }[]
  /** How the library does it, for people; may be empty. */
  readonly implementation: string
}

/**
 * A place in one of the buffers that are bound when the plan runs: a multiple of the element's size, and of 64 bytes for
 * opaque tensors and workspaces.
 */
export interface Location {
  readonly slot: number
  readonly byteOffset: number
}

export interface KernelCall {
  readonly kernel: NativeKernel
  readonly inputs: readonly Location[]
  readonly outputs: readonly Location[]
  /** Where `workspaceBytes` are; absent if the kernel needs none. */
  readonly workspace?: Location
}

/** A step is all stages in order; a stage is its kernels in order, `repeat` times. */
export interface PlanDescription {
  /** For each slot the least size in bytes of the buffer that is bound to it. */
  readonly slots: readonly number[]
  /** Slots in which a step leaves nothing that another needs. */
  readonly scratch?: readonly number[]
  readonly stages: readonly { readonly repeat: number; readonly kernels: readonly KernelCall[] }[]
}

export interface NativePlan {
  /**
   * Runs whole steps on the worker thread; resolves to the number of steps that were run, which is less than `steps`
   * only after `cancel()`. `byteOffsets[i]` is where slot i begins in `buffers[i]`.
   */
  run(steps: number, buffers: readonly NativeBuffer[], byteOffsets: readonly number[]): Promise<number>
  /** Runs steps likewise and times each kernel, which costs a little, and on a GPU a wait for each of them. */
  profile(steps: number, buffers: readonly NativeBuffer[], byteOffsets: readonly number[]): Promise<PlanProfile>
  /** Ends the runs that are under way or waiting, each at the end of its present step. */
  cancel(): void
}

/** How long steps of a plan took. */
export interface PlanProfile {
  /** How many were run in whole. */
  readonly steps: number
  /** All of these steps, from begin to end. */
  readonly seconds: number
  /** Each kernel call, in the order of the stages; all steps and repeats together. */
  readonly kernelSeconds: readonly number[]
}
