/** Images and labels that look random and are the same each time. */
import { data } from 'mlpconv'

/** Bytes that look random. */
export function pixels(count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, i) => Math.imul(i, 2654435761) >>> 24)
}

/** As many images of 28x28, in ten classes, to be resized in the step. */
export function digits(count: number, size: number): data.Dataset {
  const labels = Int32Array.from({ length: count }, (_, i) => i % 10)
  return data.withResize(data.fromArrays({ images: pixels(count * 28 * 28), shape: [count, 28, 28], labels, classes: 10 }), size)
}
