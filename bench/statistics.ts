/** Spreads. */
import { quantile } from 'mlpconv'

/** The quartiles as text: `2.41 to 2.58`. */
export function spread(sample: readonly number[], digits = 2): string {
  return `${quantile(sample, 0.25).toFixed(digits)} to ${quantile(sample, 0.75).toFixed(digits)}`
}
