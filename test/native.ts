/** What the tests of the binding share. */
import type { TensorSpec } from '../lib/graph/graph.js'
import type { KernelDescription, Location, NativeBuffer, NativeDevice, NativePlan } from '../lib/native/binding.js'
import { loadAddon } from '../lib/native/load.js'

export const addon = loadAddon('onednn', ['fill', 'add', 'relu'])

/** 4 MiB: a step takes about a millisecond. */
export const large: TensorSpec = { shape: [1 << 20], dtype: 'float32' }
export const endless = Number.MAX_SAFE_INTEGER

export function fill(value: number, output: TensorSpec): KernelDescription {
  return { op: 'fill', attributes: { value }, inputs: [], outputs: [output] }
}

export function at(slot: number, byteOffset = 0): Location {
  return { slot, byteOffset }
}

/** A plan of one kernel whose inputs and outputs are the beginnings of slots, in their order. */
export async function planOf(device: NativeDevice, description: KernelDescription): Promise<NativePlan> {
  const [kernel] = await device.createKernels([description])
  const count = description.inputs.length
  const bytes = [...description.inputs, ...description.outputs].map((spec) => 4 * spec.shape.reduce((a, b) => a * b, 1))
  return device.createPlan({
    slots: bytes,
    stages: [
      {
        repeat: 1,
        kernels: [
          {
            kernel: kernel!,
            inputs: description.inputs.map((_, i) => at(i)),
            outputs: description.outputs.map((_, i) => at(count + i)),
          },
        ],
      },
    ],
  })
}

export async function floats(device: NativeDevice, buffer: NativeBuffer): Promise<number[]> {
  return [...new Float32Array(await device.read(buffer, 0, buffer.byteLength))]
}

/** The error that `work` throws or rejects with, as far as it matters; undefined if it does neither. */
export async function failure(work: () => unknown): Promise<{ name: string; code: unknown; message: string } | undefined> {
  try {
    await work()
    return undefined
  } catch (error) {
    const { name, code, message } = error as Error & { code?: unknown }
    return { name, code, message }
  }
}
