/** A device with memory and no kernels: what tests of everything above the addon need. */
import { Device } from '../../lib/device.js'
import type {
  KernelDescription,
  NativeBuffer,
  NativeDevice,
  NativeKernel,
  NativePlan,
} from '../../lib/native/binding.js'

interface FakeBuffer extends NativeBuffer {
  readonly bytes: Uint8Array
}

/** What a kernel of the fake asks for. */
export type FakeKernel = (description: KernelDescription) => Partial<NativeKernel>

/** Opens a fake device. Its plans cannot run. */
export function fakeDevice(kernelOf: FakeKernel = () => ({})): Device {
  const bytesOf = (buffer: NativeBuffer): Uint8Array => (buffer as FakeBuffer).bytes
  const refuse = (): never => {
    throw new Error('a fake device runs nothing')
  }
  const native: NativeDevice = {
    threads: 1,
    freeBytes: () => 2 ** 30,
    createBuffer: (byteLength): FakeBuffer => ({
      byteLength,
      bytes: new Uint8Array(byteLength),
      dispose: () => undefined,
    }),
    createKernels: (descriptions) =>
      Promise.resolve(
        descriptions.map((description) => ({
          workspaceBytes: 0,
          outputBytes: description.outputs.map(() => 0),
          packs: [],
          implementation: '',
          ...kernelOf(description),
        })),
      ),
    createPlan: (): NativePlan => ({ run: refuse, profile: refuse, cancel: refuse }),
    write: (buffer, byteOffset, data) => {
      bytesOf(buffer).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), byteOffset)
      return Promise.resolve()
    },
    read: (buffer, byteOffset, byteLength) =>
      Promise.resolve(bytesOf(buffer).slice(byteOffset, byteOffset + byteLength).buffer),
    measurePeaks: () => Promise.resolve(undefined),
    dispose: () => undefined,
  }
  return new Device('fake', 'onednn', native)
}
