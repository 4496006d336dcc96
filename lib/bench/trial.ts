/** One trial in a process of its own: `node trial.js <JSON>` prints one line of JSON. */
import { openDevice, type DeviceName, type OpenOptions } from '../device.js'
import { benchmark, type BenchmarkOptions } from './benchmark.js'
import type { LayerInput } from './layer.js'

/** What a trial is told. */
export interface Trial extends Omit<BenchmarkOptions, 'device' | 'signal'>, OpenOptions {
  readonly layer: LayerInput
  readonly device: DeviceName
}

const { layer, device, threads = 0, autotune = false, ...options } = JSON.parse(process.argv[2] ?? '{}') as Trial
try {
  console.log(JSON.stringify(await benchmark(layer, { ...options, device: openDevice(device, { threads, autotune }) })))
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
