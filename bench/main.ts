/**
 * Measures every line of the table in bench/targets.ts, ours and the peer's in one run.
 *
 *     npm run bench -- [--install-peers] [--rounds 3] [--filter bfloat16] [--json FILE]
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { openDevice } from 'mlpconv'
import { cpuFeatures } from '../dist/cli/machine.js'
import { version } from '../dist/cli/package.js'
import { writeWhole } from '../scripts/cache.mjs'
import { benchmarksOf } from './benchmarks.js'
import { findPeers, installPeers, missingPackages, peerVersions } from './peers/environment.js'
import { formatTable, type Report, reportSchema, type Row } from './report.js'
import { runBenchmark } from './runner.js'
import { type DeviceKind, lines } from './targets.js'

interface Settings {
  readonly device: DeviceKind
  readonly rounds?: number
  readonly repeats?: number
  readonly filter: string
  readonly python?: string
  readonly installPeers?: true
  readonly tiny?: true
  readonly json?: string
}

const count = (text: string): number => {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new InvalidArgumentError('expected a positive integer')
}

const settings = new Command('bench')
  .description('Measures mlpconv against its peers on this machine, interleaved, each trial in a fresh process.')
  .addOption(new Option('--device <name>', 'cpu or cuda').choices(['cpu', 'cuda']).default('cpu'))
  .option('--rounds <n>', 'how often each contestant has its turn (default: 3, 1 where a turn takes minutes)', count)
  .option('--repeats <n>', 'timed repeats per turn (default: 3)', count)
  .option('--filter <text>', 'only lines whose name contains it', '')
  .option('--python <path>', 'an interpreter that has PyTorch')
  .option('--install-peers', 'first install PyTorch and onnxruntime (3.3 GB) into the cache folder')
  .option('--tiny', 'sizes that only show that everything runs')
  .option('--json <file>', 'write the rows as JSON')
  .parse()
  .opts<Settings>()

if (settings.installPeers) await installPeers()
const { device, tiny = false } = settings
const { threads } = openDevice('cpu').native
const peers = findPeers(settings.python)
const features = cpuFeatures()
const machine: Report['machine'] = {
  date: new Date().toISOString(),
  cpu: cpus()[0]?.model.trim() ?? 'unknown CPU',
  features,
  threads,
  device,
  node: process.versions.node,
  mlpconv: version,
  peers: peerVersions(peers),
  tiny,
}
console.log(`${machine.cpu} (${features.join(', ')}), ${String(threads)} threads, Node ${machine.node}`)
console.log(missingPackages(peers, ['torch']) ?? Object.entries(machine.peers).map((entry) => entry.join(' ')).join(', '))
if (tiny) console.log('--tiny: the numbers say nothing')

const isWanted = ({ name }: { readonly name: string }): boolean => name.includes(settings.filter)
// Of sizes that say nothing, nothing is judged.
const table = lines[device].map(({ target, ...line }) => (target && !tiny ? { ...line, target } : line))
const rows: Row[] = []
const folder = await mkdtemp(join(tmpdir(), 'mlpconv-bench-'))
try {
  const repeats = settings.repeats ?? (tiny ? 1 : 3)
  const rounds = settings.rounds ?? (tiny ? 1 : undefined)
  for (const benchmark of benchmarksOf({ device, threads, tiny, repeats, features, peers, folder })) {
    if (!Object.keys(benchmark.lines).some((name) => isWanted({ name }))) continue
    rows.push(...(await runBenchmark(benchmark, table, rounds)).filter(isWanted))
    if (settings.json !== undefined) await writeReport(settings.json)
  }
} finally {
  await rm(folder, { recursive: true })
}
if (rows.length === 0) console.error(`--filter: no line's name has ${settings.filter} in it: ${table.map(({ name }) => name).join('; ')}`)
else console.log(`\n${formatTable(rows)}`)
if (rows.length === 0 || rows.some(({ failed }) => failed !== undefined)) process.exitCode = 1

/** After each benchmark, so that an interrupted run leaves what it has. */
async function writeReport(path: string): Promise<void> {
  const report = reportSchema.parse({ machine, rows })
  await writeWhole(path, (temporary) => writeFile(temporary, `${JSON.stringify(report, undefined, 2)}\n`))
}
