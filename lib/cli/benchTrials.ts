/** The trials of `mlpconv bench`: each in a process of its own, in rounds. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { LayerTiming } from '../bench/benchmark.js'
import { caseName, type BenchCase } from '../bench/catalog.js'
import { parseLayer } from '../bench/layer.js'
import { median } from '../bench/statistics.js'
import type { Trial } from '../bench/trial.js'
import type { Device } from '../device.js'
import { DeviceError } from '../errors.js'
import { Random } from '../random.js'
import type { Row } from './benchReport.js'
import type { DeviceOptions } from './options.js'
import { packageRoot } from './package.js'
import type { Progress } from './progress.js'

const execute = promisify(execFile)

/** How trials are made. */
export interface TrialOptions extends DeviceOptions {
  readonly dtype: 'float32' | 'bfloat16'
  readonly rounds: number
  readonly seconds: number
}

/** Whose turn it is, at what. */
interface Turn {
  readonly one: BenchCase
  readonly contestant: 'mlpconv' | 'PyTorch'
}

/**
 * Times each case in each round, in a random order that is the same every time, so that none always follows the same one.
 *
 * @param python an interpreter with PyTorch, which has its turns too
 * @returns a row per case, of the rounds that were whole before `signal` was aborted; none if none was
 */
export async function measure(
  cases: readonly BenchCase[],
  options: TrialOptions,
  { device, python, signal, onProgress }: {
    readonly device: Device
    readonly python: string | undefined
    readonly signal: AbortSignal
    readonly onProgress: (progress: Progress) => void
  },
): Promise<Row[]> {
  const contestants = python === undefined ? (['mlpconv'] as const) : (['mlpconv', 'PyTorch'] as const)
  const turns = cases.flatMap((one) => contestants.map((contestant): Turn => ({ one, contestant })))
  const costs = new Map<BenchCase, LayerTiming>()
  const timed = async (turn: Turn): Promise<number> => {
    if (turn.contestant === 'PyTorch') return median((await runPeer(turn.one, options, device, python!, signal)).seconds)
    const timing = await runOurs(turn.one, options, signal)
    costs.set(turn.one, timing)
    return median(timing.seconds)
  }
  const rounds: ReadonlyMap<Turn, number>[] = []
  const total = turns.length * options.rounds
  try {
    while (rounds.length < options.rounds) {
      const round = new Map<Turn, number>()
      for (const i of new Random(0, rounds.length).permutation(turns.length)) {
        const turn = turns[i]!
        const facts = `${turn.contestant}, ${caseName(turn.one)}`
        onProgress({ label: 'trials', done: rounds.length * turns.length + round.size, total, facts })
        round.set(turn, await timed(turn))
      }
      rounds.push(round)
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
  if (rounds.length === 0) return []
  return cases.map((one) => {
    const { group, form, direction } = one
    const secondsOf = (contestant: Turn['contestant']): number[] => {
      const turn = turns.find((other) => other.one === one && other.contestant === contestant)
      return turn === undefined ? [] : rounds.map((round) => round.get(turn)!)
    }
    const { flops, bytes, parameters, memory } = costs.get(one)!
    const row = { name: caseName(one), group, form, direction, seconds: secondsOf('mlpconv'), flops, bytes, parameters, memory }
    return python === undefined ? row : { ...row, peerSeconds: secondsOf('PyTorch') }
  })
}

const repeats = 3

function runOurs({ layer, direction }: BenchCase, options: TrialOptions, signal: AbortSignal): Promise<LayerTiming> {
  const { device, threads, autotune, dtype, seconds } = options
  const opening = { device, ...(threads === undefined ? {} : { threads }), ...(autotune === undefined ? {} : { autotune }) }
  const trial: Trial = { layer, direction, ...opening, dtype, seconds, repeats }
  return runProgram(process.execPath, [join(packageRoot, 'dist', 'bench', 'trial.js'), JSON.stringify(trial)], signal)
}

function runPeer(
  { layer, direction }: BenchCase,
  { dtype, seconds }: TrialOptions,
  { name, native }: Device,
  python: string,
  signal: AbortSignal,
): Promise<Pick<LayerTiming, 'seconds'>> {
  const trial = { layer: parseLayer(layer), direction, device: name, dtype, seconds, repeats, threads: native.threads }
  return runProgram(python, [join(packageRoot, 'bench', 'peers', 'pytorch_layer.py'), JSON.stringify(trial)], signal)
}

async function runProgram<T>(program: string, args: readonly string[], signal: AbortSignal): Promise<T> {
  try {
    return JSON.parse((await execute(program, args, { signal })).stdout) as T
  } catch (error) {
    // A terminal tells both processes to stop, and the trial may be the first to do so.
    if ((error as { signal?: string }).signal === 'SIGINT') await new Promise(setImmediate)
    const { stderr, message } = error as { stderr?: string; message: string }
    throw new DeviceError(`a trial failed: ${stderr?.trim() === '' ? message : (stderr ?? message).trim()}`)
  }
}
