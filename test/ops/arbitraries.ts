/** Shapes and windows that ops are tried on: odd sizes, one channel, ten, more than a vector register holds. */
import fc from 'fast-check'
import type { Pair, Shape4 } from '../reference/tensor.js'
import type { Window } from '../reference/window.js'

export const batches = fc.integer({ min: 1, max: 3 })
export const channels = fc.constantFrom(1, 2, 3, 10, 16, 17)
/** Sizes of an image, a window or a stride from 1 on, each dimension for itself. */
export const pairs = (max: number): fc.Arbitrary<Pair> =>
  fc.tuple(fc.integer({ min: 1, max }), fc.integer({ min: 1, max }))

/** Images [N,C,H,W]. */
export const images: fc.Arbitrary<Shape4> = fc
  .tuple(batches, channels, pairs(9))
  .map(([batch, channel, size]) => [batch, channel, ...size])

/** Tensors of rank 2 and 4. */
export const activations: fc.Arbitrary<readonly number[]> = fc.oneof(
  images,
  fc.tuple(batches, fc.integer({ min: 1, max: 40 })),
)

/** A window and an image size into which it fits. */
export interface WindowedSize {
  readonly window: Window
  readonly size: Pair
}

/** Windows of up to `largest`, padding of up to `mostPadding(kernel)`, images up to nine rows larger than needed. */
export function windows(largest: number, mostPadding: (kernel: number) => number): fc.Arbitrary<WindowedSize> {
  const axis = fc
    .record({ kernel: fc.integer({ min: 1, max: largest }), stride: fc.integer({ min: 1, max: 4 }) })
    .chain(({ kernel, stride }) =>
      fc.record({
        kernel: fc.constant(kernel),
        stride: fc.constant(stride),
        padding: fc.integer({ min: 0, max: mostPadding(kernel) }),
        slack: fc.integer({ min: 0, max: 9 }),
      }),
    )
    .map(({ slack, ...window }) => ({ ...window, size: Math.max(window.kernel - 2 * window.padding, 1) + slack }))
  return fc.tuple(axis, axis).map(([rows, columns]) => ({
    window: {
      kernelSize: [rows.kernel, columns.kernel],
      stride: [rows.stride, columns.stride],
      padding: [rows.padding, columns.padding],
    },
    size: [rows.size, columns.size],
  }))
}
