/**
 * What calls and steps cost beside their work.
 *
 * Calls: from the call to its resolved promise, on a ReLU of 16 elements. One N-API call runs a plan that is there on memory
 * that is there; a jitted function also makes the tensor for its result.
 *
 * Steps: the trainer's time of its steps, as it reports it, beyond the sum of their kernels' times, which are taken in the
 * same run; in percent of that sum.
 */
import { z } from 'zod'
import { type Context, ourTrial } from './context.js'
import type { Benchmark } from './runner.js'

export const callOptions = z.strictObject({
  /** Calls per timed repeat. */
  calls: z.int().positive(),
  repeats: z.int().positive(),
  threads: z.int().positive(),
})

export const stepOverheadOptions = z.strictObject({
  size: z.int().positive(),
  batchSize: z.int().positive(),
  steps: z.int().positive(),
  threads: z.int().positive(),
})

export function overheadBenchmarks({ tiny, repeats, threads }: Context): Benchmark[] {
  const steps = [
    { size: 224, steps: 10 },
    { size: 96, steps: 50 },
  ]
  return [
    {
      lines: { 'overhead of one N-API call': 'napiMicroseconds', 'overhead of one jitted call': 'jittedMicroseconds' },
      ours: ourTrial('callOverhead', { calls: tiny ? 10 : 10_000, repeats, threads }),
      peers: [],
    },
    ...steps.map((workload) => ({
      lines: { [`overhead of a step beyond its kernels at ${String(workload.size)}`]: 'percent' },
      ours: ourTrial('stepOverhead', { ...(tiny ? { size: 96, steps: 1, batchSize: 8 } : { ...workload, batchSize: 64 }), threads }),
      peers: [],
    })),
  ]
}
