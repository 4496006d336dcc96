/**
 * Seconds of training to the test accuracy that the reference publishes, with the preset `fast`. Both evaluate on all test
 * images after each of as many steps, which counts. The peer's images lie in memory as bytes that were resized beforehand;
 * ours are resized in the step. The peer is compiled beforehand too. Each round has another seed, since after how many steps
 * either is there is chance.
 */
import { optim, recipes } from 'mlpconv'
import { z } from 'zod'
import { type Context, ourTrial, pytorch } from './context.js'
import { fashionMnistFolder, writeFashionMnist } from './fashionMnist.js'
import type { Benchmark } from './runner.js'

export const accuracyOptions = z.strictObject({
  folder: z.string(),
  size: z.int().positive(),
  batchSize: z.int().positive(),
  train: z.int().positive(),
  test: z.int().positive(),
  /** What is to be reached, in [0, 1]. */
  accuracy: z.number(),
  /** Steps between two evaluations. */
  every: z.int().positive(),
  /** The peer takes the recipe from here. */
  learningRates: z.array(z.number()),
  momentum: z.number(),
  clipGradNorm: z.number(),
  mean: z.number(),
  std: z.number(),
  threads: z.int().positive(),
  seed: z.int().nonnegative(),
})

export function accuracyBenchmarks(context: Context): Benchmark[] {
  const { resize, batchSize, optimizer, schedule, normalize } = recipes.fast
  const sizes = context.tiny
    ? { size: 96, batchSize: 16, train: 64, test: 32, every: 2, accuracy: 0 }
    : { size: resize, batchSize, train: 60_000, test: 10_000, every: 100, accuracy: 0.867 }
  const steps = Math.ceil(sizes.train / sizes.batchSize)
  const options = {
    folder: fashionMnistFolder(context),
    ...sizes,
    learningRates: [...optim.learningRates(optimizer, schedule, steps)],
    momentum: optimizer.momentum,
    clipGradNorm: optimizer.clipGradNorm,
    mean: normalize!.mean[0]!,
    std: normalize!.std[0]!,
    threads: context.threads,
  }
  const ofRound = (round: number): z.infer<typeof accuracyOptions> => ({ ...options, seed: round })
  return [
    {
      lines: { 'time to test accuracy .867 at 96': 'seconds' },
      prepare: () => writeFashionMnist(context),
      ours: ourTrial('accuracy', ofRound),
      // Eager is slower than channels_last in each row of the step, and would take minutes here.
      peers: pytorch(context, 'pytorch_accuracy.py', ['channels_last', 'compile max-autotune'], ofRound, ['numpy', 'pillow']),
    },
  ]
}
