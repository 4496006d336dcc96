/** Quantiles of samples. */

/** The q-quantile of a sample, linear between its elements. */
export function quantile(sample: readonly number[], q: number): number {
  const sorted = [...sample].sort((a, b) => a - b)
  const at = (sorted.length - 1) * q
  const [low, high] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!]
  return low + (high - low) * (at - Math.floor(at))
}

/** The middle of a sample, or the mean of its two middle elements. */
export function median(sample: readonly number[]): number {
  return quantile(sample, 0.5)
}
