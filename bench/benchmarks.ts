/** All benchmarks, in the order in which they are run. */
import { accuracyBenchmarks } from './accuracy.js'
import { compileBenchmarks } from './compile.js'
import type { Context } from './context.js'
import { epochBenchmarks } from './epoch.js'
import { inferenceBenchmarks } from './inference.js'
import { overheadBenchmarks } from './overhead.js'
import type { Benchmark } from './runner.js'
import { stepBenchmarks } from './step.js'

/** What is measured on a device: on a GPU the step alone. */
export function benchmarksOf(context: Context): Benchmark[] {
  if (context.device === 'cuda') return stepBenchmarks(context)
  return [
    ...stepBenchmarks(context),
    ...epochBenchmarks(context),
    ...inferenceBenchmarks(context),
    ...overheadBenchmarks(context),
    ...accuracyBenchmarks(context),
    ...compileBenchmarks(context),
  ]
}
