/** The Euclidean norm of the error, over that of what was expected. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) throw new Error(`expected ${expected.length} numbers, received ${actual.length}`)
  const errors = Array.from(actual, (value, e) => value - expected[e]!)
  return Math.hypot(...errors) / Math.hypot(...Array.from(expected))
}
