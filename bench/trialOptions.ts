/** What one trial is told, by us and by the peer. */
import { z } from 'zod'

export const trialOptions = z.strictObject({
  /** `cpu` or `cuda`. */
  device: z.enum(['cpu', 'cuda']),
  dtype: z.enum(['float32', 'tfloat32', 'bfloat16']),
  /** Height and width of the network's input. */
  size: z.int().positive(),
  batchSize: z.int().positive(),
  /** Steps per timed repeat. */
  steps: z.int().positive(),
  repeats: z.int().positive(),
  threads: z.int().positive(),
})

export type TrialOptions = z.infer<typeof trialOptions>

/** What one trial prints. */
export const trialResult = z.object({
  secondsPerStep: z.array(z.number()),
  /** Of the process, or of the GPU's memory. */
  idleMegabytes: z.number(),
  peakMegabytes: z.number(),
  /** Milliseconds by which a 1 ms timer is late, 99th percentile; ours alone. */
  timerDelayP99: z.number().optional(),
  version: z.string().optional(),
})

export type TrialResult = z.infer<typeof trialResult>
