/** How far a command is, on the screen: a bar on a terminal, a line now and then elsewhere. */
import { Presets, SingleBar } from 'cli-progress'
import type { Output } from './output.js'

/** Seconds between two lines where there is no terminal. */
const secondsPerLine = 10

/** How far something is. */
export interface Progress {
  /** Stands before the bar: what it is. */
  readonly label: string
  readonly done: number
  readonly total: number
  /** Stand behind it. */
  readonly facts: string
}

/** Shows progress. */
export interface ProgressView {
  readonly update: (progress: Progress) => void
  /** Prints a line that stays, above the bar. */
  readonly note: (line: string) => void
  /** Takes the bar away, until the next update. */
  readonly clear: () => void
}

/** A view on a stream, which is the output's if none is given. */
export function createProgressView(output: Output, stream = output.stream): ProgressView {
  return stream.isTTY ? barView(output, stream) : lineView(output, stream)
}

function barView(output: Output, stream: NodeJS.WriteStream): ProgressView {
  const format = '{label} {bar} {percentage}%  {facts}'
  const bar = new SingleBar(
    { format, stream, barsize: 24, clearOnComplete: true, fps: 5, synchronousUpdate: false },
    Presets.shades_classic,
  )
  const view: ProgressView = {
    update: ({ done, total, ...texts }) => {
      if (bar.isActive) bar.update(done, texts)
      else bar.start(total, done, texts)
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

function lineView(output: Output, stream: NodeJS.WriteStream): ProgressView {
  let last = performance.now()
  return {
    update: ({ label, done, total, facts }) => {
      if (performance.now() - last < secondsPerLine * 1000) return
      last = performance.now()
      const percentage = Math.floor((100 * done) / total)
      stream.write(`${label} ${String(percentage).padStart(3)}%  ${facts}\n`)
    },
    note: output.note,
    clear: () => undefined,
  }
}
