/** `mlpconv bench` */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { SingleBar } from 'cli-progress'
import { Command, Option } from 'commander'
import { directions, type LayerTiming } from '../bench/benchmark.js'
import { caseName, catalog, type BenchCase } from '../bench/catalog.js'
import { parseLayer, type LayerInput } from '../bench/layer.js'
import { median } from '../bench/statistics.js'
import type { Trial } from '../bench/trial.js'
import { openDevice } from '../device.js'
import { DataError, DeviceError, MlpconvError, OptionError } from '../errors.js'
import { writeBytesAtomic } from '../files.js'
import { renderReport } from './benchFigure.js'
import { compareReports, formatReport, reportSchema, type Report, type Row } from './benchReport.js'
import { integer, number } from './options.js'
import { openOutput, type Output } from './output.js'
import { packageRoot, version } from './package.js'

const execute = promisify(execFile)

interface BenchOptions {
  readonly device: 'auto' | 'cpu' | 'cuda'
  readonly dtype: 'float32' | 'bfloat16'
  readonly filter: readonly string[]
  readonly layer: readonly string[]
  readonly rounds: number
  readonly seconds: number
  readonly python?: string
  readonly baseline?: string
  readonly out?: string
  readonly figure?: string
  readonly list?: boolean
  readonly json?: boolean
}

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value]

/** The command with its options. */
export function benchCommand(): Command {
  return new Command('bench')
    .description('Time layers: a 1x1 convolution against dense layers on the same numbers, the ops of NiN, or your own')
    .addOption(new Option('--device <name>', 'where').choices(['auto', 'cpu', 'cuda']).default('auto'))
    .addOption(new Option('--dtype <type>', 'type of the activations').choices(['float32', 'bfloat16']).default('float32'))
    .option('--filter <text>', 'only layers whose name has it in it; may be given again, all must be', collect, [])
    .option('--layer <json>', 'a layer of your own instead; may be given again', collect, [])
    .option('--rounds <n>', 'how often each has its turn, each time in a fresh process', integer(1), 3)
    .option('--seconds <s>', 'least time of a sample, of which a turn has three', number(0), 0.1)
    .option('--python <path>', 'an interpreter with PyTorch, whose times are put beside')
    .option('--baseline <file>', 'compare with an older report; exits with 1 if something is slower')
    .option('--out <file>', 'write the report as JSON')
    .option('--figure <file>', 'draw it as an SVG')
    .option('--list', 'only print the names')
    .option('--json', 'print the report as one JSON object')
    .addHelpText('after', helpText)
    .action(bench)
}

const helpText = `
A row is the median over the rounds; GB/s counts what must at least be read and written.

Examples:
  mlpconv bench --filter NiN
  mlpconv bench --filter "sweep: 128 channels" --filter forward --figure layers.svg
  mlpconv bench --layer '{"kind":"conv2d","input":[64,96,26,26],"outChannels":256,"kernelSize":5,"padding":2}'
  mlpconv bench --out before.json; mlpconv bench --baseline before.json`

async function bench(options: BenchOptions): Promise<void> {
  const output = openOutput(options.json ?? false)
  const cases = chooseCases(options)
  if (options.list) {
    for (const one of cases) output.note(caseName(one))
    output.json(cases.map(caseName))
    return
  }
  // Before minutes are spent.
  const baseline = options.baseline === undefined ? undefined : await readReport(options.baseline)
  const device = openDevice(options.device)
  if (baseline) requireComparable(baseline, cases.map(caseName), { device: device.name, dtype: options.dtype })
  const machine = `${cpus()[0]?.model.trim() ?? 'unknown CPU'}, ${device.name}, Node ${process.versions.node}`
  output.note(`${machine}, ${options.dtype}\n`)

  const rows = await measure(cases, options)
  const report: Report = { mlpconv: version, machine, device: device.name, dtype: options.dtype, rows }
  output.note(formatReport(report))
  output.json(report)
  if (options.out !== undefined) await writeBytesAtomic(options.out, `${JSON.stringify(report, undefined, 2)}\n`, DataError)
  if (options.figure !== undefined) {
    const svg = await renderReport(report)
    if (svg !== undefined) await writeBytesAtomic(options.figure, svg, DataError)
  }
  if (baseline) judge(baseline, report, output)
}

function chooseCases({ filter, layer }: BenchOptions): BenchCase[] {
  const own = layer.map((text): LayerInput => {
    try {
      return parseLayer(JSON.parse(text))
    } catch (error) {
      if (error instanceof MlpconvError) throw error
      throw new OptionError(`--layer: expected JSON such as {"kind":"relu","input":[64,96,54,54]}; received ${text}`)
    }
  })
  const given = own.flatMap((one) =>
    directions.map((direction): BenchCase => ({ group: 'given', form: JSON.stringify(one), direction, layer: one })),
  )
  const cases = (own.length > 0 ? given : catalog).filter((one) => filter.every((text) => caseName(one).includes(text)))
  if (cases.length === 0) throw new OptionError(`--filter: no layer's name has ${filter.join(' and ')} in it; see --list`)
  return cases
}

async function readReport(path: string): Promise<Report> {
  try {
    return reportSchema.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch (error) {
    throw new DataError(`--baseline: ${path} is no report of mlpconv bench: ${(error as Error).message.split('\n', 1)[0]!}`)
  }
}

/** A verdict over nothing, or over what was measured otherwise, would be none. */
function requireComparable(baseline: Report, names: readonly string[], now: Pick<Report, 'device' | 'dtype'>): void {
  for (const key of ['device', 'dtype'] as const) {
    if (baseline[key] === now[key]) continue
    throw new OptionError(`--baseline: the report is of --${key} ${baseline[key]}, this run of ${now[key]}; use the same`)
  }
  if (!baseline.rows.some(({ name }) => names.includes(name))) {
    throw new OptionError('--baseline: the report has none of the layers of this run; use the same --filter and --layer')
  }
}

/** All cases take turns, so that a noisy minute hits all of them. */
async function measure(cases: readonly BenchCase[], options: BenchOptions): Promise<Row[]> {
  const timings = cases.map((): LayerTiming[] => [])
  const peers = cases.map((): LayerTiming[] => [])
  const bar = new SingleBar({
    format: '{bar} {percentage}%  {name}',
    stream: process.stderr,
    barsize: 24,
    clearOnComplete: true,
    noTTYOutput: false,
  })
  bar.start(cases.length * options.rounds, 0, { name: '' })
  try {
    for (let round = 0; round < options.rounds; round++) {
      for (const [i, one] of cases.entries()) {
        bar.update(round * cases.length + i, { name: caseName(one) })
        timings[i]!.push(await runTrial(one, options))
        if (options.python !== undefined) peers[i]!.push(await runPeer(options.python, one, options))
      }
    }
  } finally {
    bar.stop()
  }
  const medians = (of: readonly LayerTiming[]): number[] => of.map(({ seconds }) => median(seconds))
  return cases.map((one, i) => {
    const { group, form, direction } = one
    const { flops, bytes, parameters, memory } = timings[i]![0]!
    const row = { name: caseName(one), group, form, direction, seconds: medians(timings[i]!), flops, bytes, parameters, memory }
    return peers[i]!.length > 0 ? { ...row, peerSeconds: medians(peers[i]!) } : row
  })
}

function runTrial({ layer, direction }: BenchCase, { device, dtype, seconds }: BenchOptions): Promise<LayerTiming> {
  const trial: Trial = { layer, direction, device, dtype, seconds, repeats: 3 }
  return runProgram(process.execPath, [join(packageRoot, 'dist', 'bench', 'trial.js'), JSON.stringify(trial)])
}

function runPeer(python: string, { layer, direction }: BenchCase, options: BenchOptions): Promise<LayerTiming> {
  const { dtype, seconds } = options
  const { name, native } = openDevice(options.device)
  const trial = { layer: parseLayer(layer), direction, device: name, dtype, seconds, repeats: 3, threads: native.threads }
  return runProgram(python, [join(packageRoot, 'bench', 'peers', 'pytorch_layer.py'), JSON.stringify(trial)])
}

async function runProgram(program: string, args: readonly string[]): Promise<LayerTiming> {
  try {
    return JSON.parse((await execute(program, args)).stdout) as LayerTiming
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string }
    throw new DeviceError(`a trial failed: ${stderr?.trim() === '' ? message : (stderr ?? message).trim()}`)
  }
}

function judge(baseline: Report, report: Report, output: Output): void {
  const comparisons = compareReports(baseline, report)
  const changed = comparisons.filter(({ verdict }) => verdict !== 'same')
  output.note(`\n${String(comparisons.length)} compared with ${baseline.machine}:`)
  for (const { name, ratio, verdict } of changed) output.note(`${verdict}  ${ratio.toFixed(2)} times the time  ${name}`)
  const slower = changed.filter(({ verdict }) => verdict === 'slower').length
  output.note(slower > 0 ? `${String(slower)} slower` : 'nothing is slower')
  if (slower > 0) process.exitCode = 1
}
