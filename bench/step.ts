/** One whole SGD step of NiN. PyTorch's batch lies in memory, resized; ours is gathered and resized in the step. */
import { z } from 'zod'
import { type Context, ourTrial, pytorch } from './context.js'
import type { Benchmark } from './runner.js'
import type { DeviceKind } from './targets.js'

/** What a trial is told, of us and of the peer. */
export const stepOptions = z.strictObject({
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

type StepOptions = z.infer<typeof stepOptions>

/** Where a step is short, more of them make one repeat. */
const workloads: Readonly<Record<DeviceKind, readonly Pick<StepOptions, 'dtype' | 'size' | 'steps'>[]>> = {
  cpu: [
    { dtype: 'float32', size: 224, steps: 2 },
    { dtype: 'bfloat16', size: 224, steps: 2 },
    { dtype: 'float32', size: 96, steps: 10 },
    { dtype: 'bfloat16', size: 96, steps: 10 },
  ],
  cuda: [
    { dtype: 'float32', size: 224, steps: 50 },
    { dtype: 'tfloat32', size: 224, steps: 100 },
    { dtype: 'bfloat16', size: 224, steps: 100 },
    { dtype: 'float32', size: 96, steps: 200 },
    { dtype: 'tfloat32', size: 96, steps: 200 },
    { dtype: 'bfloat16', size: 96, steps: 200 },
  ],
}

/** The modes of PyTorch that may be the best one. */
export const trainingModes = ['eager', 'channels_last', 'compile max-autotune'] as const

export function stepBenchmarks(context: Context): Benchmark[] {
  const { device, threads, repeats, tiny } = context
  return workloads[device].map((workload) => {
    const work = `${workload.dtype} ${String(workload.size)}`
    const sizes = tiny ? { size: 96, steps: 1, batchSize: 8 } : { batchSize: 64 }
    const options: StepOptions = { device, ...workload, repeats, threads, ...sizes }
    return {
      lines: {
        [`${work}, step`]: 'imagesPerSecond',
        [`${work}, peak memory above idle`]: 'megabytesAboveIdle',
        [`${work}, 1 ms timer p99 delay`]: 'timerDelayP99',
      },
      skipped: workload.dtype === 'bfloat16' && device === 'cpu' ? withoutBfloat16(context) : undefined,
      ours: ourTrial('step', options),
      peers: pytorch(context, 'pytorch_step.py', trainingModes, options),
    }
  })
}

/** Why bfloat16 is not measured on this CPU, if so. */
function withoutBfloat16({ features }: Context): string | undefined {
  if (features.includes('avx512_bf16') || features.includes('amx_bf16')) return undefined
  return 'this CPU has no bfloat16 arithmetic (avx512_bf16 or AMX)'
}
