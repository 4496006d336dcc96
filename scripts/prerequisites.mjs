/** What must be on the machine, and the command that mends what is missing. */
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SetupError, run } from './process.mjs'

const leastNode = 20
const isMac = process.platform === 'darwin'
const probe = fileURLToPath(new URL('probe.cc', import.meta.url))

/** The packages of each tool, by package manager. */
const packages = {
  compiler: { 'apt-get': 'g++ make', dnf: 'gcc-c++ make', brew: 'llvm libomp' },
  python: { 'apt-get': 'python3', dnf: 'python3', brew: 'python3' },
  pip: { 'apt-get': 'python3-pip', dnf: 'python3-pip', brew: 'python3' },
  cmake: { 'apt-get': 'cmake', dnf: 'cmake', brew: 'cmake' },
  'clang-format': { 'apt-get': 'clang-format', dnf: 'clang-tools-extra', brew: 'clang-format' },
}

/** @typedef {keyof typeof packages} Tool */

/**
 * @param {string} name
 * @param {NodeJS.ProcessEnv} env
 */
function isOnPath(name, env) {
  return (env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, name)))
}

/**
 * The command that installs a tool on this machine.
 * @param {Tool} tool
 */
export function installCommand(tool, env = process.env) {
  const manager = /** @type {const} */ (['apt-get', 'dnf', 'brew']).find((name) => isOnPath(name, env))
  if (!manager) return `install ${packages[tool].dnf} with your package manager`
  return `${manager === 'brew' || process.getuid?.() === 0 ? '' : 'sudo '}${manager} install ${packages[tool][manager]}`
}

/**
 * Fails with what is missing and the command that mends it.
 * @template T
 * @param {string} what
 * @param {Tool} tool
 * @param {Promise<T>} check
 * @param {NodeJS.ProcessEnv} env
 */
function require(what, tool, check, env) {
  return check.catch((error) => {
    throw new SetupError(`${what}: ${installCommand(tool, env)}`, error.output)
  })
}

/**
 * The first C++ compiler (CXX, else the system's) that compiles a C++20 probe with OpenMP.
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<string>}
 */
async function findCompiler(env) {
  const candidates = env.CXX ? [env.CXX] : isMac ? ['clang++'] : ['g++', 'clang++', 'c++']
  const openMp = isMac ? [] : ['-fopenmp']
  const output = []
  for (const candidate of candidates) {
    const [command = '', ...args] = candidate.split(' ').filter(Boolean)
    try {
      await run(command, [...args, '-std=c++20', ...openMp, '-fsyntax-only', probe], { env })
      return candidate
    } catch (error) {
      output.push(/** @type {SetupError} */ (error).message, /** @type {SetupError} */ (error).output)
    }
  }
  const what = `a C++20 compiler with OpenMP is missing (tried ${candidates.join(', ')})`
  throw new SetupError(`${what}: ${installCommand('compiler', env)}`, output.filter(Boolean).join('\n'))
}

async function checkNode() {
  const [major = 0] = process.versions.node.split('.').map(Number)
  if (major >= leastNode) return
  throw new SetupError(`Node >= ${leastNode} is needed, this is ${process.version}: https://nodejs.org`)
}

/**
 * Checks Node, the compiler, make and Python. Throws a SetupError with a line for each that is missing.
 * @returns {Promise<{ compiler: string }>}
 */
export async function checkPrerequisites(env = process.env) {
  const compiler = findCompiler(env)
  const results = await Promise.allSettled([
    checkNode(),
    compiler,
    require('make is missing', 'compiler', run('make', ['--version'], { env }), env),
    require('Python >= 3.8 is missing', 'python', run('python3', ['-c', pythonCheck], { env }), env),
  ])
  /** @type {SetupError[]} */
  const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
  if (errors.length > 0) {
    const [messages, outputs] = [errors.map(({ message }) => message), errors.map(({ output }) => output)]
    throw new SetupError(messages.join('\n'), outputs.filter(Boolean).join('\n'))
  }
  return { compiler: await compiler }
}

const pythonCheck = 'import sys; sys.exit(sys.version_info < (3, 8))'

/** Checks that pip is there. */
export async function checkPip(env = process.env) {
  const check = run('python3', ['-m', 'pip', '--version'], { env })
  await require('pip, which fetches oneDNN, is missing', 'pip', check, env)
}
