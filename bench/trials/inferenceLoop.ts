/** What ours and the peer's trials of inference share: the input, and how it is timed. */
import { median } from 'mlpconv'
import type { z } from 'zod'
import type { inferenceOptions } from '../inference.js'
import { pixels } from './digits.js'

/** Values in [0, 1], the same each time. */
export function inferenceInput(shape: readonly number[]): Float32Array {
  return Float32Array.from(pixels(shape.reduce((a, b) => a * b)), (value) => value / 255)
}

/** Times calls that each give the logits, and returns the logits too. */
export async function timeInference(
  { shape, seconds, repeats }: Pick<z.infer<typeof inferenceOptions>, 'shape' | 'seconds' | 'repeats'>,
  infer: () => Promise<Float32Array>,
): Promise<{ imagesPerSecond: number; logits: number[] }> {
  let logits = await infer()
  await infer()
  const rates: number[] = []
  while (rates.length < repeats) {
    const start = performance.now()
    const elapsed = (): number => (performance.now() - start) / 1000
    let calls = 0
    do {
      logits = await infer()
      calls++
    } while (elapsed() < seconds)
    rates.push((calls * shape[0]) / elapsed())
  }
  return { imagesPerSecond: median(rates), logits: [...logits] }
}
