/**
 * All of the set-up, step by step; what is up to date is skipped.
 *
 *     node scripts/setup.mjs [--only <step>] [--skip <step>]
 *
 * In an installed package only what makes the addon. A step that is cut off leaves nothing that the next run takes for
 * whole.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, copyFile, mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeWhole } from './cache.mjs'
import { ensureCuda, findCuda, wheelsFolder } from './cuda.mjs'
import { loadFashionMnist } from './fashion-mnist.mjs'
import { isMain } from './main.mjs'
import { ensureOneDnn, findOneDnn } from './onednn.mjs'
import { checkPip, checkPrerequisites, installCommand } from './prerequisites.mjs'
import { SetupError, run, tail } from './process.mjs'
import { Progress } from './progress.mjs'

/**
 * @typedef {object} Context
 * @property {(doing: string) => void} report says what is being done
 * @property {(text: string) => void} log takes what programs print
 *
 * @typedef {object} Step
 * @property {string} name
 * @property {string} [group] another name for it and its like
 * @property {boolean} [checkoutOnly] an installed package needs none
 * @property {() => boolean} [isWanted] whether it is done where it is not asked for
 * @property {(context: Context) => Promise<string>} perform resolves to a word on the result
 */

/** The repository or the installed package. */
const root = fileURLToPath(new URL('..', import.meta.url))
const upToDate = 'up to date'
const require = createRequire(import.meta.url)

/** @type {readonly Step[]} */
const steps = [
  { name: 'prerequisites', perform: prerequisites },
  { name: 'dependencies', checkoutOnly: true, perform: dependencies },
  { name: 'onednn', perform: oneDnn },
  { name: 'data', checkoutOnly: true, perform: data },
  { name: 'addon', group: 'build', perform: addon },
  { name: 'typescript', group: 'build', checkoutOnly: true, perform: typescript },
  { name: 'cuda', group: 'build:cuda', isWanted: hasNvidiaGpu, perform: cuda },
  { name: 'cuda addon', group: 'build:cuda', isWanted: hasNvidiaGpu, perform: cudaAddon },
]

async function prerequisites() {
  const state = await hashOf(['scripts/probe.cc', 'scripts/prerequisites.mjs'], [process.env.CXX, process.version])
  const stamp = new Stamp('prerequisites')
  if (await stamp.is(state)) return upToDate
  const { compiler } = await checkPrerequisites()
  await stamp.set(state)
  return `Node ${process.versions.node}, ${compiler}`
}

/** @param {Context} context */
async function dependencies({ report, log }) {
  // npm writes its own lock file last.
  const [installed, wanted] = await Promise.all(['node_modules/.package-lock.json', 'package-lock.json'].map(timeOf))
  if (installed && wanted && installed >= wanted) return upToDate
  report('npm ci')
  await run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund'], { cwd: root, onOutput: log })
  return 'npm ci'
}

/** @param {string} path */
async function timeOf(path) {
  return (await stat(join(root, path)).catch(() => undefined))?.mtimeMs
}

/** @param {Context} context */
async function oneDnn({ report }) {
  const found = await findOneDnn().catch(async () => {
    if (!process.env.ONEDNN_ROOT) await checkPip()
    report('fetching, 39 MB')
    return ensureOneDnn()
  })
  return `${found.version}, ${found.source}`
}

/** @param {Context} context */
async function data({ report }) {
  let source = upToDate
  await loadFashionMnist({
    onProgress: (name) => {
      source = name
      report(`fetching, 31 MB: ${name}`)
    },
  })
  return source
}

/** @param {Context} context */
async function addon(context) {
  const { include, library, version } = await findOneDnn()
  return compileAddon(context, {
    name: 'addon',
    inputs: ['binding.gyp', 'native'],
    facts: [include, library, version],
    folder: join(root, 'build', 'Release'),
    product: join(root, 'build', 'Release', 'mlpconv_onednn.node'),
    compile: async (compiler) => {
      const prefix = dirname(dirname(process.execPath))
      const nodedir = existsSync(join(prefix, 'include', 'node', 'node_api.h')) ? [`--nodedir=${prefix}`] : []
      const nodeGyp = join(dirname(require.resolve('node-gyp/package.json')), 'bin', 'node-gyp.js')
      const args = [nodeGyp, 'configure', 'build', '--release', `--jobs=${availableParallelism()}`, ...nodedir]
      await run(process.execPath, args, { cwd: root, env: { ...process.env, CXX: compiler }, onOutput: context.log })
    },
  })
}

/**
 * Compiles an addon unless it is up to date.
 * @param {Context} context
 * @param {object} addon
 * @param {string} addon.name of its stamp
 * @param {readonly string[]} addon.inputs files and folders that it is made of
 * @param {readonly string[]} addon.facts on what else it is made of
 * @param {string} addon.folder where it is compiled
 * @param {string} addon.product what comes of it
 * @param {(compiler: string) => Promise<void>} addon.compile
 */
async function compileAddon({ report }, { name, inputs, facts, folder, product, compile }) {
  const state = await hashOf(inputs, [...facts, process.arch, process.env.CXX, process.env.CXXFLAGS])
  const stamp = new Stamp(name)
  if ((await stamp.is(state)) && existsSync(product)) return upToDate
  report('compiling')
  const { compiler } = await checkPrerequisites()
  // A build that was cut off may have left half an object file, which make would take for whole.
  if (!stamp.exists()) await rm(folder, { recursive: true, force: true })
  await stamp.remove()
  await compile(compiler)
  await stamp.set(state)
  return 'compiled'
}

/** Whether there is an NVIDIA GPU with its driver: in the kernel, in a container, in WSL. */
export function hasNvidiaGpu() {
  return ['/proc/driver/nvidia/version', '/dev/nvidiactl', '/usr/lib/wsl/lib/libcuda.so.1'].some(existsSync)
}

/** @param {Context} context */
async function cuda({ report }) {
  const found = await findCuda().catch(async () => {
    await checkPip()
    report('fetching, 1 GB')
    return ensureCuda()
  })
  return `${found.version}, ${found.source}`
}

/** @param {Context} context */
async function cudaAddon(context) {
  const { nvcc, includes, version } = await findCuda()
  const folder = join(root, 'build', 'cuda')
  const product = join(root, 'build', 'Release', 'mlpconv_cudnn.node')
  return compileAddon(context, {
    name: 'cuda-addon',
    inputs: ['native'],
    facts: [nvcc, ...includes, version],
    folder,
    product,
    compile: async (compiler) => {
      await run('cmake', ['--version']).catch(() => {
        throw new SetupError(`cmake is missing, which builds the addon for NVIDIA GPUs: ${installCommand('cmake')}`)
      })
      const cmakeJs = join(dirname(require.resolve('cmake-js/package.json')), 'bin', 'cmake-js')
      const variables = {
        CMAKE_CXX_COMPILER: compiler,
        MLPCONV_NVCC: nvcc,
        MLPCONV_CUDA_INCLUDES: includes.join(';'),
        MLPCONV_CUDA_WHEELS: wheelsFolder,
      }
      const args = [
        ...['compile', '--directory', join(root, 'native'), '--out', folder],
        ...['--prefer-make', '--parallel', String(availableParallelism())],
        ...Object.entries(variables).map(([name, value]) => `--CD${name}=${value}`),
      ]
      await run(process.execPath, [cmakeJs, ...args], { cwd: root, onOutput: context.log })
      const made = join(folder, 'Release', 'mlpconv_cudnn.node')
      await writeWhole(product, (temporary) => copyFile(made, temporary))
    },
  })
}

/** @param {Context} context */
async function typescript({ report, log }) {
  const inputs = ['lib', 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json']
  const state = await hashOf([...inputs, ...(await declarations())], [])
  const stamp = new Stamp('typescript')
  if ((await stamp.is(state)) && existsSync(join(root, 'dist'))) return upToDate
  report('tsc')
  const compiler = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc')
  await writeWhole(join(root, 'dist'), async (temporary) => {
    const args = [compiler, '-p', join(root, 'tsconfig.build.json'), '--outDir', temporary]
    await run(process.execPath, args, { cwd: root, onOutput: log })
    // npx makes it executable only the first time that it sees this folder.
    await chmod(join(temporary, 'cli', 'main.js'), 0o755)
  })
  await stamp.set(state)
  return 'compiled'
}

async function declarations() {
  const names = await readdir(join(root, 'scripts'))
  return names.filter((name) => name.endsWith('.d.mts')).map((name) => join('scripts', name))
}

/** Remembers of what state a step's result is. */
class Stamp {
  /** @param {string} step */
  constructor(step) {
    this.path = join(root, 'build', `setup-${step}`)
  }

  exists() {
    return existsSync(this.path)
  }

  /** @param {string} state */
  async is(state) {
    return (await readFile(this.path, 'utf8').catch(() => '')) === state
  }

  /** @param {string} state */
  async set(state) {
    await writeWhole(this.path, (temporary) => writeFile(temporary, state))
  }

  async remove() {
    await rm(this.path, { force: true })
  }
}

/**
 * A hash of files, of all files in folders, and of other facts.
 * @param {readonly string[]} paths
 * @param {readonly (string | undefined)[]} facts
 */
async function hashOf(paths, facts) {
  const hash = createHash('sha256').update(JSON.stringify(facts))
  /** @param {string} path */
  const add = async (path) => {
    if ((await stat(path)).isDirectory()) {
      for (const name of (await readdir(path)).sort()) await add(join(path, name))
    } else {
      hash
        .update(`${relative(root, path)}\0`)
        .update(await readFile(path))
        .update('\0')
    }
  }
  for (const path of paths) await add(join(root, path))
  return hash.digest('hex')
}

/**
 * Runs the steps in order. Throws a SetupError whose message says what to do; `output` has the end of the failed
 * program's log and where all of it is.
 * @param {{ only?: readonly string[], skip?: readonly string[] }} [options] names of steps or groups
 */
export async function setup({ only = [], skip = [] } = {}) {
  const isCheckout = existsSync(join(root, 'lib'))
  const names = new Set(steps.flatMap(({ name, group }) => (group ? [name, group] : [name])))
  const unknown = [...only, ...skip].find((name) => !names.has(name))
  if (unknown !== undefined) throw new SetupError(`there is no step ${unknown}; the steps are ${[...names].join(', ')}`)
  /** @param {readonly string[]} list @param {Step} step */
  const has = (list, { name, group }) => list.includes(name) || (group !== undefined && list.includes(group))
  const chosen = steps.filter(
    (step) =>
      (isCheckout || !step.checkoutOnly) &&
      (only.length === 0 ? (step.isWanted?.() ?? true) : has(only, step)) &&
      !has(skip, step),
  )
  const progress = new Progress(Math.max(...chosen.map(({ name }) => name.length)))
  for (const step of chosen) {
    let log = ''
    const end = progress.begin(step.name)
    const context = { report: end.report, log: (/** @type {string} */ text) => void (log += text) }
    try {
      end.done(await step.perform(context))
    } catch (error) {
      end.failed()
      throw await withLog(step.name, log, error)
    }
  }
}

/**
 * Keeps what a failed step printed in a file, and the end of it in the error.
 * @param {string} step
 * @param {string} log
 * @param {unknown} error
 */
async function withLog(step, log, error) {
  const { message, output = '' } = /** @type {SetupError} */ (error)
  const text = log || output
  if (!text) return new SetupError(`${step}: ${message}`)
  const path = join(root, 'build', `setup-${step}.log`)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text)
  return new SetupError(`${step}: ${message}`, `${tail(text)}\n(all of it: ${relative(process.cwd(), path)})`)
}

/**
 * Prints an error of the set-up as people want to read it.
 * @param {unknown} error
 */
export function printError(error) {
  const { output, message, stack } = /** @type {SetupError} */ (error)
  console.error(error instanceof SetupError ? [output, message].filter(Boolean).join('\n') : stack)
}

/**
 * The values of an option that may be given several times.
 * @param {readonly string[]} args
 * @returns {{ only: string[], skip: string[] }}
 */
function parse(args) {
  /** @type {Record<string, string[]>} */
  const lists = { '--only': [], '--skip': [] }
  for (let i = 0; i < args.length; i += 2) {
    const [option = '', value] = args.slice(i, i + 2)
    if (!(option in lists) || value === undefined) {
      throw new SetupError('usage: node scripts/setup.mjs [--only <step>] [--skip <step>]')
    }
    lists[option]?.push(value)
  }
  return { only: lists['--only'] ?? [], skip: lists['--skip'] ?? [] }
}

if (isMain(import.meta.url)) {
  try {
    await setup(parse(process.argv.slice(2)))
  } catch (error) {
    printError(error)
    process.exitCode = 1
  }
}
