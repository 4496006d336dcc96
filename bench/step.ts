/**
 * One whole SGD step of NiN, ours and PyTorch's, in one run: every trial is a process of its own, contestants take turns.
 *
 *     npm run bench -- [--install-peers] [--rounds 3] [--filter bfloat16] [--json FILE]
 */
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Command, Option } from 'commander'
import { median, openDevice } from 'mlpconv'
import { findPeers, installPeers } from './peers/environment.js'
import { spread } from './statistics.js'
import { trialResult, type TrialOptions, type TrialResult } from './trialOptions.js'

const execute = promisify(execFile)
const peerModes = ['eager', 'channels_last', 'compile'] as const

/** What is measured. Where a step is short, more of them make one repeat. */
const workloads = {
  cpu: [
    { dtype: 'float32', size: 224, steps: 2 },
    { dtype: 'bfloat16', size: 224, steps: 2 },
    { dtype: 'float32', size: 96, steps: 10 },
    { dtype: 'bfloat16', size: 96, steps: 10 },
  ],
  cuda: [
    { dtype: 'float32', size: 224, steps: 50 },
    { dtype: 'tfloat32', size: 224, steps: 100 },
    { dtype: 'bfloat16', size: 224, steps: 100 },
    { dtype: 'float32', size: 96, steps: 200 },
    { dtype: 'tfloat32', size: 96, steps: 200 },
    { dtype: 'bfloat16', size: 96, steps: 200 },
  ],
} as const

interface Settings {
  readonly device: 'cpu' | 'cuda'
  readonly rounds: string
  readonly repeats: string
  readonly batchSize: string
  readonly filter: string
  readonly python?: string
  readonly installPeers?: true
  readonly tiny?: true
  readonly json?: string
}

/** A line of the table. */
interface Row {
  readonly name: string
  readonly ours: number
  readonly peer: number | undefined
  readonly ratio: number | undefined
  readonly unit: string
  readonly spread: string
}

const settings = new Command('bench')
  .description('Measures one SGD step of NiN against PyTorch on this machine, interleaved, each trial in a fresh process.')
  .addOption(new Option('--device <name>', 'cpu or cuda').choices(['cpu', 'cuda']).default('cpu'))
  .option('--rounds <n>', 'how often each contestant has its turn', '3')
  .option('--repeats <n>', 'timed repeats per turn', '3')
  .option('--batch-size <n>', 'samples per step', '64')
  .option('--filter <text>', 'only workloads whose name contains it', '')
  .option('--python <path>', 'an interpreter that has PyTorch')
  .option('--install-peers', 'install PyTorch (3 GB) into the cache folder first')
  .option('--tiny', 'a size that only shows that everything runs')
  .option('--json <file>', 'write the rows as JSON')
  .parse()
  .opts<Settings>()

const { threads } = openDevice('cpu').native
const python = settings.python ?? (settings.installPeers ? await installPeers() : findPeers())
console.log(`${cpus()[0]?.model ?? 'unknown CPU'}, ${String(threads)} threads, Node ${process.versions.node}`)
if (python === undefined) console.log('PyTorch is not installed for this benchmark; --install-peers does it (3 GB)')

const rows: Row[] = []
for (const workload of workloads[settings.device]) {
  const name = `${workload.dtype} ${String(workload.size)}`
  if (name.includes(settings.filter)) rows.push(...(await measure(name, workload)))
}
printTable(rows)
if (settings.json !== undefined) await writeFile(settings.json, `${JSON.stringify(rows, undefined, 2)}\n`)

async function measure(name: string, workload: (typeof workloads)[Settings['device']][number]): Promise<Row[]> {
  const options: TrialOptions = {
    device: settings.device,
    ...workload,
    ...(settings.tiny ? { size: 96, steps: 1 } : {}),
    batchSize: Number(settings.batchSize),
    repeats: Number(settings.repeats),
    threads,
  }
  const ours: TrialResult[] = []
  const peers = new Map<string, TrialResult[]>(python === undefined ? [] : peerModes.map((mode) => [mode, []]))
  for (let round = 0; round < Number(settings.rounds); round++) {
    ours.push(await runOurs(options))
    report(name, 'mlpconv', options, ours.at(-1)!)
    for (const [mode, results] of peers) {
      results.push(await runPeer(python!, mode, options))
      report(name, `PyTorch ${mode}`, options, results.at(-1)!)
    }
  }
  const speed = (result: TrialResult): number => options.batchSize / median(result.secondsPerStep)
  const memory = (result: TrialResult): number => result.peakMegabytes - result.idleMegabytes
  const best = [...peers.values()].sort((a, b) => median(b.map(speed)) - median(a.map(speed)))[0]
  return [
    row(`${name}, step`, 'img/s', ours.map(speed), best?.map(speed)),
    row(`${name}, peak memory above idle`, 'MB', ours.map(memory), best?.map(memory)),
    row(`${name}, 1 ms timer p99 delay`, 'ms', ours.map((result) => result.timerDelayP99 ?? NaN)),
  ]
}

/** The ratio is of the medians; its spread is that of the rounds' own ratios. */
function row(name: string, unit: string, ours: readonly number[], peer?: readonly number[]): Row {
  const ratios = peer?.map((value, round) => ours[round]! / value)
  return {
    name,
    unit,
    ours: median(ours),
    peer: peer && median(peer),
    ratio: peer && median(ours) / median(peer),
    spread: ratios ? spread(ratios) : spread(ours),
  }
}

async function runOurs(options: TrialOptions): Promise<TrialResult> {
  const trial = join(import.meta.dirname, 'trial.js')
  return parseResult(await execute(process.execPath, [trial, JSON.stringify(options)]))
}

async function runPeer(interpreter: string, mode: string, options: TrialOptions): Promise<TrialResult> {
  const script = join(import.meta.dirname, '..', 'bench', 'peers', 'pytorch_step.py')
  const flags = Object.entries({ ...options, mode }).flatMap(([name, value]) => [
    `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    String(value),
  ])
  return parseResult(await execute(interpreter, [script, ...flags]))
}

function parseResult({ stdout }: { stdout: string }): TrialResult {
  return trialResult.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''))
}

function report(name: string, contestant: string, { batchSize }: TrialOptions, result: TrialResult): void {
  const speed = batchSize / median(result.secondsPerStep)
  console.log(`${name}  ${contestant.padEnd(22)} ${speed.toFixed(1).padStart(7)} img/s  peak ${result.peakMegabytes.toFixed(0)} MB`)
}

function printTable(table: readonly Row[]): void {
  const number = (value: number | undefined): string => (value === undefined ? '' : value.toFixed(value < 100 ? 2 : 0))
  console.log('\n| work | unit | mlpconv | PyTorch, best mode | ratio | quartiles of the rounds |')
  console.log('|---|---|---|---|---|---|')
  for (const { name, unit, ours, peer, ratio, spread: quartiles } of table) {
    console.log(`| ${name} | ${unit} | ${number(ours)} | ${number(peer)} | ${number(ratio)} | ${quartiles} |`)
  }
}
