/** Medians and spreads. */

/** The q-quantile of a sample, linear between its elements. */
export function quantile(sample: readonly number[], q: number): number {
  const sorted = [...sample].sort((a, b) => a - b)
  const at = (sorted.length - 1) * q
  const [low, high] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!]
  return low + (high - low) * (at - Math.floor(at))
}

export function median(sample: readonly number[]): number {
  return quantile(sample, 0.5)
}

/** The quartiles as text: `2.41 to 2.58`. */
export function spread(sample: readonly number[], digits = 2): string {
  return `${quantile(sample, 0.25).toFixed(digits)} to ${quantile(sample, 0.75).toFixed(digits)}`
}
