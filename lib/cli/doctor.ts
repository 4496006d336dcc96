/** `mlpconv doctor` */
import { existsSync } from 'node:fs'
import { arch, availableParallelism, cpus, platform } from 'node:os'
import { Command } from 'commander'
import { cacheFolder } from '../../scripts/cache.mjs'
import { defaultSources, loadFashionMnist } from '../../scripts/fashion-mnist.mjs'
import { fromArrays } from '../data/fromArrays.js'
import { openDevice } from '../device.js'
import { addonPath, buildCommand, loadAddon } from '../native/load.js'
import { Conv2d, Flatten, ReLU, Sequential } from '../nn/index.js'
import { SGD } from '../optim/sgd.js'
import { Trainer } from '../trainer/trainer.js'
import { cpuFeatures, findLibrary } from './machine.js'
import { formatColumns, openOutput } from './output.js'
import { version } from './package.js'

/** What was found about one thing. */
interface Finding {
  readonly name: string
  /** `failed`: training does not work; `missing`: something that one can do without. */
  readonly status: 'ok' | 'missing' | 'failed'
  readonly found: string
  /** What to do about it. */
  readonly advice?: string
}

/** The command with its options. */
export function doctorCommand(): Command {
  return new Command('doctor')
    .description('Say what is on this machine, whether training works, and what to do about what is missing')
    .option('--json', 'print one JSON object: works, findings')
    .addHelpText('after', helpText)
    .action(doctor)
}

const helpText = `
It exits with 0 if training works, else with 1.

Examples:
  mlpconv doctor
  mlpconv doctor --json`

const marks = { ok: '✓', missing: '-', failed: '✗' } as const

async function doctor({ json = false }: { readonly json?: boolean }): Promise<void> {
  const output = openOutput(json)
  const findings = [
    versions(),
    processor(),
    ...addon(),
    await training(),
    await dataset(),
    { name: 'cache', status: 'ok', found: cacheFolder() } as const,
    ...(await nvidia()),
  ]
  const works = findings.every(({ status }) => status !== 'failed')
  output.json({ works, findings })
  if (!json) {
    output.note(formatColumns(findings.map(({ name, status, found }) => [marks[status], name, found])))
    for (const { name, advice } of findings) if (advice !== undefined) output.note(`\n${name}: ${advice}`)
    output.note(works ? '\nTraining works.' : '\nTraining does not work.')
  }
  process.exitCode = works ? 0 : 1
}

function versions(): Finding {
  return {
    name: 'versions',
    status: 'ok',
    found: `mlpconv ${version}, Node ${process.version}, ${platform()} ${arch()}`,
  }
}

function processor(): Finding {
  const features = cpuFeatures()
  const model = cpus()[0]?.model.trim() ?? 'unknown'
  const found = `${model}, ${availableParallelism()} CPUs${features.length > 0 ? `, with ${features.join(' ')}` : ''}`
  return { name: 'processor', status: 'ok', found }
}

/** Whether the addon loads, and what it says. */
function addon(): Finding[] {
  const name = 'addon'
  try {
    const { oneDNN, instructionSet, threads } = loadAddon('onednn', []).info()
    return [
      { name, status: 'ok', found: addonPath('onednn') },
      {
        name: 'oneDNN',
        status: 'ok',
        found: `${oneDNN}, ${instructionSet}, ${threads} threads (one per physical core)`,
      },
    ]
  } catch (error) {
    return [{ name, status: 'failed', found: 'does not load', advice: (error as Error).message }]
  }
}

/** Takes one step of a small network. */
async function training(): Promise<Finding> {
  const name = 'training'
  try {
    const dataset = fromArrays({ images: new Uint8Array(2 * 4 * 4).fill(128), shape: [2, 4, 4], labels: [0, 1] })
    const net = new Sequential(new Conv2d(1, 2, 4), new ReLU(), new Flatten())
    const trainer = new Trainer(net, {
      optimizer: SGD({ lr: 0.1 }),
      batchSize: 2,
      epochs: 1,
      device: openDevice('cpu'),
    })
    await trainer.fit(dataset).next()
    return { name, status: 'ok', found: 'a step of a small network works' }
  } catch (error) {
    return {
      name,
      status: 'failed',
      found: `a step of a small network fails: ${(error as Error).message.split('\n', 1)[0]!}`,
    }
  }
}

/** Looks for Fashion-MNIST without fetching it. */
async function dataset(): Promise<Finding> {
  const name = 'data set'
  for (const source of defaultSources().filter(({ remote }) => !remote)) {
    try {
      await loadFashionMnist({ sources: [source] })
      return { name, status: 'ok', found: `Fashion-MNIST, ${source.name}` }
    } catch (error) {
      if (source.required) return { name, status: 'failed', found: source.name, advice: (error as Error).message }
    }
  }
  const advice = 'nothing to do: it is fetched (31 MB) when it is first trained on'
  return { name, status: 'missing', found: 'Fashion-MNIST is not on this machine', advice }
}

/** NVIDIA's driver, the addon for its GPUs, and what that finds: each apart, since one can do without all of it. */
async function nvidia(): Promise<Finding[]> {
  const missing = (name: string, found: string, advice?: string): Finding => ({
    name,
    status: 'missing',
    found,
    ...(advice === undefined ? {} : { advice }),
  })
  if (!existsSync(addonPath('cudnn'))) {
    const driver = await findLibrary('libcuda.so')
    const advice = `with an NVIDIA GPU, ${buildCommand('cudnn')} builds it`
    return [
      driver === undefined ? missing('NVIDIA driver', 'not found') : { name: 'NVIDIA driver', status: 'ok', found: driver },
      missing('GPU addon', 'not built', driver === undefined ? undefined : advice),
    ]
  }
  let facts: Readonly<Record<string, string | number | boolean>>
  try {
    facts = loadAddon('cudnn', []).info()
  } catch (error) {
    return [missing('GPU addon', 'does not load', (error as Error).message)]
  }
  const { runtime, driver, cuDNN, NCCL, devices, ...others } = facts
  /** A fact, or several lines that say why there is none. */
  const finding = (name: string, fact: string | number | boolean = 'unknown', isFound: RegExp, without?: string): Finding => {
    const [first = '', ...rest] = String(fact).split('\n')
    if (isFound.test(first)) return { name, status: 'ok', found: first }
    return missing(name, without ?? first, rest.length > 0 || without !== undefined ? String(fact) : undefined)
  }
  return [
    finding('NVIDIA driver', driver, /^for CUDA/),
    { name: 'GPU addon', status: 'ok', found: addonPath('cudnn') },
    finding('CUDA runtime', runtime, /^\d/),
    finding('cuDNN', cuDNN, /^\d/),
    finding('NCCL', NCCL, /^\d/, 'not found, and not needed by one GPU'),
    ...(devices === 0 ? [missing('GPUs', 'none')] : []),
    ...Object.entries(others).map(([name, fact]) => finding(name.replace('device', 'GPU'), fact, /compute capability/)),
  ]
}
