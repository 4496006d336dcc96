/** What all benchmarks are told, and how contestants are made of it. */
import { join } from 'node:path'
import { missingPackages, type Peers } from './peers/environment.js'
import type { Absent, Contestant } from './runner.js'
import type { DeviceKind } from './targets.js'

export interface Context {
  readonly device: DeviceKind
  readonly threads: number
  /** Whether sizes are to be such that they only show that everything runs. */
  readonly tiny: boolean
  /** Timed repeats in one trial, of which the median counts. */
  readonly repeats: number
  /** The CPU's instruction sets that matter. */
  readonly features: readonly string[]
  readonly peers: Peers
  /** A folder for files that a benchmark makes; it is removed at the end. */
  readonly folder: string
}

type Options = Readonly<Record<string, unknown>>

/** What a trial is told: the same in every round, or not. */
export type TrialOptions = Options | ((round: number) => Options)

const optionsOf = (options: TrialOptions, round: number): Options => (typeof options === 'function' ? options(round) : options)

/** A trial of ours: a program of bench/trials. */
export function ourTrial(name: string, options: TrialOptions): Contestant {
  const program = join(import.meta.dirname, 'trials', `${name}.js`)
  return { name: 'mlpconv', program: process.execPath, args: (round) => [program, JSON.stringify(optionsOf(options, round))] }
}

/** A script of bench/peers. */
export function peerScript(name: string): string {
  return join(import.meta.dirname, '..', 'bench', 'peers', name)
}

/**
 * PyTorch, a contestant per mode; why not, if it or another package that is needed is not there.
 *
 * @param script in bench/peers
 * @param packages that the script needs beside torch
 */
export function pytorch(
  { peers }: Pick<Context, 'peers'>,
  script: string,
  modes: readonly string[],
  options: TrialOptions,
  packages: readonly string[] = [],
): readonly Contestant[] | Absent {
  const absent = missingPackages(peers, ['torch', ...packages])
  if (absent !== undefined) return { absent }
  return modes.map((mode) => ({
    name: `PyTorch ${mode}`,
    program: peers.python!.interpreter,
    args: (round) => [peerScript(script), JSON.stringify({ ...optionsOf(options, round), mode })],
  }))
}
