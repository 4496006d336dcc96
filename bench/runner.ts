/** Runs a benchmark: every trial is a process of its own, and the contestants take turns. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { z } from 'zod'
import { best, formatNumber, measuredRow, type Row, type Sample, unmeasuredRow } from './report.js'
import type { Line } from './targets.js'

const execute = promisify(execFile)

/** One side: how one trial of it is run. */
export interface Contestant {
  readonly name: string
  readonly program: string
  /** Of the trial in a round, counted from 0. */
  readonly args: (round: number) => readonly string[]
}

/** Why there is no peer here. */
export interface Absent {
  readonly absent: string
}

/** What a trial prints as its last line: numbers by name. */
const trialSchema = z.record(z.string(), z.union([z.number(), z.array(z.number())]))
export type TrialResult = z.infer<typeof trialSchema>

export interface Benchmark {
  /** The lines of the table that it measures, the first of which says which peer is best, and their number's name in trials. */
  readonly lines: Readonly<Record<string, string>>
  /** Why it cannot be run here, if so. */
  readonly skipped?: string | undefined
  /** How often each contestant has its turn, unless told otherwise. Default 3. */
  readonly rounds?: number
  /** What must be there before the first trial. */
  readonly prepare?: () => Promise<void>
  readonly ours: Contestant
  readonly peers: readonly Contestant[] | Absent
  /** Throws if both did not do the same. */
  readonly compare?: (ours: TrialResult, peer: TrialResult) => void
}

/** A contestant and what its trials gave, a result per round. */
export interface Played {
  readonly name: string
  readonly results: readonly TrialResult[]
}

/**
 * Measures the lines of a benchmark. What goes wrong is in the rows.
 *
 * @param table where the lines are looked up
 */
export async function runBenchmark(benchmark: Benchmark, table: readonly Line[], rounds = benchmark.rounds ?? 3): Promise<Row[]> {
  const { skipped } = benchmark
  const lines = linesOf(benchmark, table)
  if (skipped !== undefined) return lines.map((line) => unmeasuredRow(line, { skipped }))
  try {
    return toRows(benchmark, lines, await playRounds(benchmark, lines[0], rounds))
  } catch (error) {
    const message = describeFailure(error)
    console.error(`${lines[0].name}: ${message}`)
    const said = message.split('\n')
    const failed = said.findLast((text) => /^\S*Error\b/.test(text)) ?? said.at(-1)!
    return lines.map((line) => unmeasuredRow(line, { failed }))
  }
}

/** The lines that a benchmark measures, the one that ranks peers first. */
export function linesOf({ lines }: Pick<Benchmark, 'lines'>, table: readonly Line[]): readonly [Line, ...Line[]] {
  const found = Object.keys(lines).map((name) => {
    const line = table.find((one) => one.name === name)
    if (!line) throw new Error(`${name} is not in the table of bench/targets.ts`)
    return line
  })
  return found as [Line, ...Line[]]
}

/** Ours first, then the peers. */
async function playRounds(benchmark: Benchmark, first: Line, rounds: number): Promise<Played[]> {
  const { ours, peers, prepare, compare } = benchmark
  await prepare?.()
  const contestants = [ours, ...('absent' in peers ? [] : peers)].map((contestant) => ({ ...contestant, results: [] as TrialResult[] }))
  for (let round = 0; round < rounds; round++) {
    for (const [i, contestant] of contestants.entries()) {
      const result = await runTrial(contestant, round)
      contestant.results.push(result)
      const number = formatNumber(numberOf(result, benchmark.lines[first.name]!))
      console.log(`${first.name}  ${contestant.name.padEnd(28)} ${number.padStart(8)} ${first.unit}`)
      if (i > 0) compare?.(contestants[0]!.results[round]!, result)
    }
  }
  return contestants
}

/** The rows of what was played, ours first. The best peer by the first line is the peer of all lines. */
export function toRows(
  { lines: keys, peers: allPeers }: Pick<Benchmark, 'lines' | 'peers'>,
  lines: readonly [Line, ...Line[]],
  [ours, ...peers]: readonly Played[],
): Row[] {
  const sampleOf = ({ name, results }: Played, line: Line): Sample => {
    return { name, values: results.map((result) => numberOf(result, keys[line.name]!)) }
  }
  const ranking = peers.map((peer) => ({ ...sampleOf(peer, lines[0]), results: peer.results }))
  const peer = best(ranking, lines[0].better)
  return lines.map((line) => {
    const isOfBoth = peer?.results.every((result) => keys[line.name]! in result)
    const row = measuredRow(line, sampleOf(ours!, line).values, peer && isOfBoth ? sampleOf(peer, line) : undefined)
    return 'absent' in allPeers && line.target?.of !== 'ours' ? { ...row, skipped: allPeers.absent } : row
  })
}

function numberOf(result: TrialResult, key: string): number {
  const value = result[key]
  if (typeof value === 'number') return value
  throw new Error(`expected a trial to print a number called ${key}; received ${JSON.stringify(value)}`)
}

/** Runs a program whose last line on standard output is a trial's result. */
async function runTrial({ program, args }: Omit<Contestant, 'name'>, round: number): Promise<TrialResult> {
  const { stdout } = await execute(program, args(round), { maxBuffer: 2 ** 28 })
  return trialSchema.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''))
}

/** What a program said when it failed, what ended it, or the error itself. */
function describeFailure(error: unknown): string {
  const { stderr = '', signal, message } = error as { stderr?: string; signal?: string | null; message: string }
  if (stderr.trim() !== '') return stderr.trim()
  return signal ? `a trial was ended by ${signal}` : message
}
