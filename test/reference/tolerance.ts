/** How near a result must come to the float64 reference, the rounding of the result to its own type not counted. */
import { tensor, type RefTensor } from './tensor.js'

/**
 * `exact` is for data chosen so that no operation rounds, `winograd` for float32 convolutions of default precision,
 * `tfloat32` for float32 whose factors are rounded to TF32.
 */
export type Precision = 'float32' | 'winograd' | 'tfloat32' | 'bfloat16' | 'float64' | 'exact'

export interface Tolerance {
  /** The largest error, over the root mean square of what was expected. */
  readonly maxError: number
  /** The error of rounding to the result's type, over the result. */
  readonly rounding: number
  /** The Euclidean norm of the error, over that of what was expected. */
  readonly relativeL2: number
}

export const tolerances: Readonly<Record<Precision, Tolerance>> = {
  float64: { maxError: 1e-12, rounding: 2 ** -53, relativeL2: 1e-13 },
  float32: { maxError: 2e-5, rounding: 2 ** -24, relativeL2: 2e-6 },
  // What native/onednn/winograd/winograd.h promises.
  winograd: { maxError: 2e-4, rounding: 2 ** -24, relativeL2: 2e-5 },
  tfloat32: { maxError: 5e-3, rounding: 2 ** -24, relativeL2: 1e-3 },
  bfloat16: { maxError: 3e-2, rounding: 2 ** -8, relativeL2: 5e-3 },
  exact: { maxError: 0, rounding: 0, relativeL2: 0 },
}

/** Throws unless `actual` is as near to `expected` as the precision wants; says where they differ most. */
export function expectClose(
  actual: ArrayLike<number>,
  expected: RefTensor | ArrayLike<number>,
  precision: Precision,
): void {
  const { shape, data } = 'data' in expected ? expected : tensor(expected, [expected.length])
  if (actual.length !== data.length) {
    throw new Error(`expected ${data.length} elements of shape [${shape.join(', ')}], received ${actual.length}`)
  }
  const { maxError, rounding, relativeL2 } = tolerances[precision]
  const errors = Array.from(data, (value, e) => errorOf(actual[e]!, value, rounding))
  const worst = errors.reduce((at, error, e) => (error > errors[at]! ? e : at), 0)
  const largest = errors[worst] ?? 0
  const l2 = norm(errors)
  const scale = norm(data.filter(Number.isFinite))
  const rms = scale / Math.sqrt(data.length)
  if (largest <= maxError * rms && l2 <= relativeL2 * scale) return
  throw new Error(
    [
      `element [${indexOf(worst, shape).join(', ')}] of [${shape.join(', ')}]: ` +
        `expected ${data[worst]}, received ${actual[worst]}`,
      `max error / rms: ${(largest / rms).toExponential(2)}, allowed ${maxError}`,
      `relative L2: ${(l2 / scale).toExponential(2)}, allowed ${relativeL2}`,
      `elements that differ: ${errors.filter((error) => error > 0).length} of ${data.length}`,
    ].join('\n'),
  )
}

/** How far two numbers are apart, but for the result's rounding; what is not finite must be the same. */
function errorOf(actual: number, expected: number, rounding: number): number {
  if (Number.isFinite(actual) && Number.isFinite(expected)) {
    return Math.max(Math.abs(actual - expected) - rounding * Math.abs(expected), 0)
  }
  return Object.is(actual, expected) ? 0 : Infinity
}

const norm = (values: ArrayLike<number>): number =>
  Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0))

/** The index of an element, dimension by dimension. */
function indexOf(element: number, shape: readonly number[]): number[] {
  return shape.map((size, axis) => {
    const stride = shape.slice(axis + 1).reduce((product, next) => product * next, 1)
    return Math.floor(element / stride) % size
  })
}
