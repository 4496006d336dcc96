/** What the commands print: results and messages, for people or for programs. */

/** Where results and messages go. */
export interface Output {
  /** Prints a line for people. */
  readonly note: (line: string) => void
  /** Prints a result for programs, one JSON object on a line; nothing if the output is for people. */
  readonly json: (value: unknown) => void
  /** The stream that lines for people go to. */
  readonly stream: NodeJS.WriteStream
}

/** With `json`, standard output has the JSON objects and nothing else. */
export function openOutput(json: boolean): Output {
  const stream = json ? process.stderr : process.stdout
  return {
    stream,
    note: (line) => void stream.write(`${line}\n`),
    json: (value) => {
      if (json) process.stdout.write(`${JSON.stringify(value)}\n`)
    },
  }
}

/** `60,000` */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US')
}

/** `1 epoch`, `60,000 epochs` */
export function formatPlural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`
}

/** `20.4 s` */
export function formatSeconds(seconds: number): string {
  return `${seconds.toFixed(1)} s`
}

/** `1:02:03`, `2:03` */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  const tail = String(rest).padStart(2, '0')
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${tail}` : `${minutes}:${tail}`
}

/** Three digits: `1.23 ms`, `45.6 us`, `120 ms`. */
export function formatTime(seconds: number): string {
  if (seconds >= 0.9995) return `${formatRate(seconds)} s`
  return seconds >= 0.9995e-3 ? `${formatRate(seconds * 1e3)} ms` : `${formatRate(seconds * 1e6)} us`
}

/** Three digits, but at most two behind the point: `0.01`, `12.3`, `1234`. */
export function formatRate(rate: number): string {
  return rate.toFixed(rate >= 99.95 ? 0 : rate >= 9.995 ? 1 : 2)
}

/** Three digits behind the point. */
export function formatRatio(value: number): string {
  return value.toFixed(3)
}

/** Lines with their columns under one another. Columns in `right` end flush. */
export function formatColumns(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const pad = (text: string, column: number): string =>
    right.includes(column) ? text.padStart(widths[column]!) : text.padEnd(widths[column]!)
  return rows.map((row) => row.map(pad).join('  ').trimEnd()).join('\n')
}
