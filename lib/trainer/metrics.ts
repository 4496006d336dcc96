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
  return combine(after, before, (a, b) => a - b)
}

function combine(a: Metrics, b: Metrics, operation: (a: number, b: number) => number): Metrics {
  return {
    lossSum: operation(a.lossSum, b.lossSum),
    correct: operation(a.correct, b.correct),
    samples: operation(a.samples, b.samples),
    failedStep: a.failedStep,
    liveLogits: a.liveLogits.map((live, i) => operation(live, b.liveLogits[i]!)),
  }
}

/** Samples that a judgement needs, so that chance does not decide. */
const enoughSamples = 4000
/** Steps after which a run that learns has left the start. */
const enoughSteps = 300

const advice =
  'start the 1x1 convolutions as the identity (init.dirac), use Nesterov momentum with warm-up, clipGradNorm and ' +
  "normalised input; the preset 'fast' does all of this"

/** A way in which these networks fail to learn, and what to say of it. */
interface Trouble {
  readonly kind: 'dead logits' | 'guessing'
  readonly message: string
}

/** Looks for the two ways in which these networks fail to learn. Undefined if all is well. */
function diagnose({ samples, lossSum, liveLogits }: Metrics, steps: number): Trouble | undefined {
  const dead = liveLogits.flatMap((live, label) => (live === 0 ? [label] : []))
  if (dead.length > 0) {
    const which = `${dead.length === 1 ? 'class' : 'classes'} ${dead.join(', ')}`
    const message = `the logits of ${which} are 0 for every sample: the last ReLU is dead there and gets no gradient. Try: ${advice}`
    return { kind: 'dead logits', message }
  }
  const start = Math.log(liveLogits.length)
  const loss = lossSum / samples
  if (loss <= 0.99 * start) return undefined
  const guessing = `ln(${liveLogits.length}) = ${start.toFixed(3)}, that of guessing`
  const message = `after ${steps} steps the loss is ${loss.toFixed(3)}, still about ${guessing}. Try: ${advice}`
  return { kind: 'guessing', message }
}

/** Follows a run, and tells of each way in which it does not learn, once. */
export class LearningWatch {
  #recent: Metrics | undefined
  readonly #told = new Set<Trouble['kind']>()

  constructor(private readonly tell: (message: string) => void) {}

  /**
   * @param counted what was counted since the last call
   * @param steps optimizer steps since the run began
   */
  see(counted: Metrics, steps: number): void {
    const recent = this.#recent ? combine(this.#recent, counted, (a, b) => a + b) : counted
    this.#recent = recent.samples < enoughSamples ? recent : undefined
    if (this.#recent || steps < enoughSteps) return
    const trouble = diagnose(recent, steps)
    if (!trouble || this.#told.has(trouble.kind)) return
    this.#told.add(trouble.kind)
    this.tell(trouble.message)
  }
}
