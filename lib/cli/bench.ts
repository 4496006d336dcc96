/** `mlpconv bench` */
import { readFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { Command } from 'commander'
import { benchmark } from '../bench/benchmark.js'
import { caseName, catalog, type BenchCase } from '../bench/catalog.js'
import { directionsOf, parseLayer, type LayerInput } from '../bench/layer.js'
import { DataError, MlpconvError, OptionError } from '../errors.js'
import { writeBytesAtomic } from '../files.js'
import { renderReport } from './benchFigure.js'
import { compareReports, formatReport, reportSchema, type Report } from './benchReport.js'
import { measure, type TrialOptions } from './benchTrials.js'
import { interruptedCode, interruptible } from './interrupt.js'
import { addDeviceOptions, dtypeOption, integer, number, openChosenDevice } from './options.js'
import { formatPlural, openOutput, type Output } from './output.js'
import { version } from './package.js'
import { findPeer } from './peer.js'
import { createProgressView } from './progress.js'

interface BenchOptions extends TrialOptions {
  readonly filter: readonly string[]
  readonly layer: readonly string[]
  readonly python?: string
  /** False with `--no-peer`. */
  readonly peer: boolean
  readonly baseline?: string
  readonly out?: string
  readonly figure?: string
  readonly list?: boolean
  readonly json?: boolean
}

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value]

/** The command with its options. */
export function benchCommand(): Command {
  const command = new Command('bench')
    .description('Time layers: a 1x1 convolution against dense layers on the same numbers, the ops of NiN, or your own')
    .addOption(dtypeOption().default('float32'))
    .option('--filter <text>', 'only layers whose name has it in it; may be given again, all must be', collect, [])
    .option('--layer <json>', 'a layer of your own instead; may be given again', collect, [])
    .option('--rounds <n>', 'how often each has its turn, each time in a fresh process', integer(1), 3)
    .option('--seconds <s>', 'least time of a sample, of which a turn has three', number(0), 0.1)
    .option('--python <path>', 'an interpreter with PyTorch, whose times are put beside (default: the installed peer)')
    .option('--no-peer', 'leave PyTorch out')
    .option('--baseline <file>', 'compare with an older report; exits with 1 if something is slower')
    .option('--out <file>', 'write the report as JSON')
    .option('--figure <file>', 'draw it as an SVG')
    .option('--list', 'only print the names')
  return addDeviceOptions(command)
    .option('--json', 'print the report as one JSON object')
    .addHelpText('after', helpText)
    .action(bench)
}

const helpText = `
A row is the median over the rounds; GB/s counts what must at least be read and written. PyTorch is beside where
\`npm run bench -- --install-peers\` has installed it, in channels-last, and in bfloat16 under autocast: as ours its weights are
float32, which each forward rounds. Backward includes forward where it needs its results: ReLU, max pooling, cross-entropy.

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
  // Before minutes are spent: whether there is something to compare with, and whether the device computes in this type.
  const baseline = options.baseline === undefined ? undefined : await readReport(options.baseline)
  const device = openChosenDevice(options)
  const { dtype, rounds } = options
  if (baseline) requireComparable(baseline, cases.map(caseName), { device: device.name, dtype })
  await benchmark({ kind: 'conv2d', input: [1, 1, 1, 1], outChannels: 1, kernelSize: 1 }, { device, dtype, repeats: 1, seconds: 0 })
  const python = options.peer ? (options.python ?? (await findPeer())) : undefined
  const machine = `${cpus()[0]?.model.trim() ?? 'unknown CPU'}, ${device.name}, Node ${process.versions.node}`
  output.note(`${machine}, ${dtype}${python === undefined ? '' : `\nPyTorch beside, of ${python}`}\n`)

  const view = createProgressView(output, process.stderr)
  const { rows, stopped } = await interruptible(
    async (signal) => {
      const measured = await measure(cases, options, { device, python, signal, onProgress: view.update })
      return { rows: measured, stopped: signal.aborted }
    },
    view.clear,
  ).finally(view.clear)
  if (stopped) {
    process.exitCode = interruptedCode
    const whole = rows[0]?.seconds.length ?? 0
    output.note(`Stopped after ${formatPlural(whole, 'whole round')} of ${rounds}.${whole > 0 ? '\n' : ''}`)
    if (whole === 0) return
  }
  const report: Report = { mlpconv: version, machine, device: device.name, dtype, rows }
  output.note(formatReport(report))
  output.json(report)
  if (options.out !== undefined) await writeBytesAtomic(options.out, `${JSON.stringify(report, undefined, 2)}\n`, DataError)
  if (options.figure !== undefined) {
    const svg = await renderReport(report)
    if (svg !== undefined) await writeBytesAtomic(options.figure, svg, DataError)
  }
  if (baseline && !stopped) judge(baseline, report, output)
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
    directionsOf(one).map((direction): BenchCase => ({ group: 'given', form: JSON.stringify(one), direction, layer: one })),
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

function judge(baseline: Report, report: Report, output: Output): void {
  const comparisons = compareReports(baseline, report)
  const changed = comparisons.filter(({ verdict }) => verdict !== 'same')
  output.note(`\n${String(comparisons.length)} compared with ${baseline.machine}:`)
  for (const { name, ratio, verdict } of changed) output.note(`${verdict}  ${ratio.toFixed(2)} times the time  ${name}`)
  const slower = changed.filter(({ verdict }) => verdict === 'slower').length
  output.note(slower > 0 ? `${String(slower)} slower` : 'nothing is slower')
  if (slower > 0) process.exitCode = 1
}
