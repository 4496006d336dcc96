/** A line per step: on a terminal it is rewritten while the step runs, elsewhere it is printed when it is done. */
const { stdout } = process
const isTerminal = stdout.isTTY && process.env.TERM !== 'dumb'
const color = isTerminal && !process.env.NO_COLOR

/**
 * @param {number} code
 * @param {string} text
 */
function paint(code, text) {
  return color ? `\x1b[${code}m${text}\x1b[0m` : text
}

export class Progress {
  /** @param {number} width of the longest name */
  constructor(width) {
    this.width = width
  }

  /**
   * Begins a step. What it returns says what the step is doing, and ends it.
   * @param {string} name
   */
  begin(name) {
    const start = performance.now()
    const seconds = () => `${((performance.now() - start) / 1000).toFixed(1)} s`
    let doing = ''
    /** @param {string} mark @param {string} text */
    const line = (mark, text) => `${mark} ${name.padEnd(this.width)}  ${seconds().padStart(7)}  ${text}`
    const draw = () => {
      const width = (stdout.columns || 80) + paint(36, '').length
      if (isTerminal) stdout.write(`\r\x1b[K${line(paint(36, '…'), doing).slice(0, width)}`)
    }
    const timer = setInterval(draw, 500).unref()
    /** @param {string} mark @param {string} text */
    const end = (mark, text) => {
      clearInterval(timer)
      stdout.write(`${isTerminal ? '\r\x1b[K' : ''}${line(mark, text)}\n`)
    }
    draw()
    return {
      report: (/** @type {string} */ text) => {
        doing = text
        if (isTerminal) draw()
        else stdout.write(`${name}: ${text}\n`)
      },
      done: (/** @type {string} */ result) => end(paint(32, '✓'), result),
      failed: () => end(paint(31, '✗'), 'failed'),
    }
  }
}
