/** How far training is, on the screen: a bar on a terminal, a line now and then elsewhere. */
import { Presets, SingleBar } from 'cli-progress'
import type { Progress } from '../trainer/trainer.js'
import { formatCount, formatDuration, formatRatio, type Output } from './output.js'

/** Seconds between two lines where there is no terminal. */
const secondsPerLine = 10

/** Shows progress. */
export interface ProgressView {
  readonly update: (progress: Progress) => void
  /** Prints a line that stays, above the bar. */
  readonly note: (line: string) => void
  /** Takes the bar away, until the next update. */
  readonly clear: () => void
}

/** A view of a run on the output's stream. */
export function createProgressView(output: Output): ProgressView {
  return output.stream.isTTY ? barView(output) : lineView(output)
}

function barView(output: Output): ProgressView {
  const format = '{epoch} {bar} {percentage}%  {facts}'
  const bar = new SingleBar(
    { format, stream: output.stream, barsize: 24, clearOnComplete: true, fps: 5, synchronousUpdate: false },
    Presets.shades_classic,
  )
  const view: ProgressView = {
    update: (progress) => {
      const { step, stepsPerEpoch } = progress
      const facts = { epoch: describeEpoch(progress), facts: describeFacts(progress) }
      if (bar.isActive) bar.update(step, facts)
      else bar.start(stepsPerEpoch, step, facts)
    },
    note: (line) => {
      view.clear()
      output.note(line)
    },
    clear: () => {
      bar.stop()
    },
  }
  // The bar changes how the terminal wraps lines, and changes it back when it stops.
  process.once('exit', view.clear)
  return view
}

function lineView(output: Output): ProgressView {
  let last = performance.now()
  return {
    update: (progress) => {
      const { step, stepsPerEpoch } = progress
      if (performance.now() - last < secondsPerLine * 1000) return
      last = performance.now()
      const percentage = Math.floor((100 * step) / stepsPerEpoch)
      output.note(`${describeEpoch(progress)} ${String(percentage).padStart(3)}%  ${describeFacts(progress)}`)
    },
    note: output.note,
    clear: () => undefined,
  }
}

function describeEpoch({ epoch, epochs }: Progress): string {
  return `epoch ${epoch}/${epochs}`
}

function describeFacts({ step, stepsPerEpoch, loss, trainAccuracy, examplesPerSecond, secondsLeft }: Progress): string {
  const rate = `${formatCount(Math.round(examplesPerSecond))} img/s`
  const left = step === stepsPerEpoch ? 'testing' : `${formatDuration(secondsLeft)} left`
  return `loss ${formatRatio(loss)}  accuracy ${formatRatio(trainAccuracy)}  ${rate}  ${left}`
}
