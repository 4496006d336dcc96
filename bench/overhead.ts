/**
 * What a call costs beside its work, from the call to its resolved promise, on a ReLU of 16 elements: one N-API call, which
 * runs a plan that is there on memory that is there; and a jitted function, which also makes the tensor for its result.
 */
import { z } from 'zod'
import { type Context, ourTrial } from './context.js'
import type { Benchmark } from './runner.js'

export const overheadOptions = z.strictObject({
  /** Calls per timed repeat. */
  calls: z.int().positive(),
  repeats: z.int().positive(),
  threads: z.int().positive(),
})

export function overheadBenchmarks({ tiny, repeats, threads }: Context): Benchmark[] {
  return [
    {
      lines: { 'overhead of one N-API call': 'napiMicroseconds', 'overhead of one jitted call': 'jittedMicroseconds' },
      ours: ourTrial('overhead', { calls: tiny ? 10 : 10_000, repeats, threads }),
      peers: [],
    },
  ]
}
