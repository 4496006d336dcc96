/**
 * A whole epoch as "Dive into Deep Learning" runs it: resizing, batches of 128, SGD steps, train accuracy, and the test
 * accuracy at the end. Both have the images in memory as they are in the files. Compiling and starting workers count.
 */
import { z } from 'zod'
import { type Context, ourTrial, pytorch } from './context.js'
import { fashionMnistFolder, writeFashionMnist } from './fashionMnist.js'
import type { Benchmark } from './runner.js'

export const epochOptions = z.strictObject({
  /** Where the peer finds the data. */
  folder: z.string(),
  size: z.int().positive(),
  batchSize: z.int().positive(),
  lr: z.number(),
  /** Images to train on and to test with: the first ones of the two sets. */
  train: z.int().positive(),
  test: z.int().positive(),
  threads: z.int().positive(),
})

export function epochBenchmarks(context: Context): Benchmark[] {
  // A thirtieth of the data; a sixth as many to test with, as in the whole.
  const sizes = context.tiny ? { size: 96, train: 16, test: 8, batchSize: 8 } : { size: 224, train: 2048, test: 341, batchSize: 128 }
  const options: z.infer<typeof epochOptions> = { folder: fashionMnistFolder(context), ...sizes, lr: 0.1, threads: context.threads }
  return [
    {
      lines: { 'epoch at 224 of 2,048 images': 'imagesPerSecond' },
      prepare: () => writeFashionMnist(context),
      ours: ourTrial('epoch', options),
      // As the book does it, and the faster layout; compiling would take longer than this epoch.
      peers: pytorch(context, 'pytorch_epoch.py', ['eager', 'channels_last'], options, ['numpy', 'pillow']),
    },
  ]
}
