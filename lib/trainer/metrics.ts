/** What a pass over data has counted on the device. */

/** See `accumulateMetrics` in native/ops/README.md. */
export interface Metrics {
  readonly lossSum: number
  readonly correct: number
  readonly samples: number
  /** The first optimizer step whose loss was not finite. */
  readonly failedStep: number | undefined
  /** For each class how many samples had a logit that is not 0. */
  readonly liveLogits: readonly number[]
}

/** Reads the device's float64 vector. */
export function readMetrics(raw: Float64Array): Metrics {
  const [lossSum, correct, samples, failed] = raw as unknown as [number, number, number, number]
  return {
    lossSum,
    correct,
    samples,
    failedStep: failed > 0 ? failed - 1 : undefined,
    liveLogits: [...raw.subarray(4)],
  }
}

/** What was counted between two readings. */
export function metricsBetween(before: Metrics, after: Metrics): Metrics {
  return {
    lossSum: after.lossSum - before.lossSum,
    correct: after.correct - before.correct,
    samples: after.samples - before.samples,
    failedStep: after.failedStep,
    liveLogits: after.liveLogits.map((live, i) => live - before.liveLogits[i]!),
  }
}

/** Samples that a judgement needs, so that chance does not decide. */
const enoughSamples = 2000
/** Steps after which a run that learns has left the start. */
const enoughSteps = 300

/**
 * Looks for the two ways in which these networks fail to learn, and says what to try.
 *
 * @param recent what was counted lately
 * @param steps optimizer steps since the run began
 * @returns a warning for people, or undefined if all is well or it is too early to tell
 */
export function diagnose(recent: Metrics, steps: number): string | undefined {
  const { samples, lossSum, liveLogits } = recent
  if (samples < enoughSamples || steps < enoughSteps) return undefined
  const advice =
    "start the 1x1 convolutions as the identity (init.dirac), use Nesterov momentum with warm-up, clipGradNorm and normalised input; the preset 'fast' does all of this"
  const dead = liveLogits.flatMap((live, label) => (live === 0 ? [String(label)] : []))
  if (dead.length > 0) {
    const which = dead.length === 1 ? `class ${dead[0]!} is` : `classes ${dead.join(', ')} are`
    return `the logits of ${which} 0 for every sample: the last ReLU is dead there and gets no gradient. Try: ${advice}`
  }
  const start = Math.log(liveLogits.length)
  const loss = lossSum / samples
  if (loss > 0.99 * start) {
    return `after ${String(steps)} steps the loss is ${loss.toFixed(3)}, still about ln(${String(liveLogits.length)}) = ${start.toFixed(3)}, that of guessing. Try: ${advice}`
  }
  return undefined
}
