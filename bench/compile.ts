/**
 * Seconds from the start of a training run to the end of its first step: compiling, or torch.compile and autotuning, and that
 * step. Parameters have their first values before.
 */
import { z } from 'zod'
import { type Context, ourTrial, pytorch } from './context.js'
import type { Benchmark } from './runner.js'

export const compileOptions = z.strictObject({
  size: z.int().positive(),
  batchSize: z.int().positive(),
  threads: z.int().positive(),
})

export function compileBenchmarks(context: Context): Benchmark[] {
  return [224, 96].map((size) => {
    const options = { size: context.tiny ? 96 : size, batchSize: context.tiny ? 8 : 64, threads: context.threads }
    return {
      lines: { [`compile and first step at ${String(size)}`]: 'seconds' },
      ours: ourTrial('compile', options),
      peers: pytorch(context, 'pytorch_compile.py', ['compile default', 'compile max-autotune'], options),
    }
  })
}
