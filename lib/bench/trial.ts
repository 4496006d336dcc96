/** One trial in a process of its own: `node trial.js <JSON>` prints one line of JSON. */
import { benchmark, type BenchmarkOptions } from './benchmark.js'
import type { LayerInput } from './layer.js'

/** What a trial is told. */
export interface Trial extends Omit<BenchmarkOptions, 'device' | 'signal'> {
  readonly layer: LayerInput
  readonly device: 'auto' | 'cpu' | 'cuda'
}

const { layer, ...options } = JSON.parse(process.argv[2] ?? '{}') as Trial
try {
  console.log(JSON.stringify(await benchmark(layer, options)))
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
