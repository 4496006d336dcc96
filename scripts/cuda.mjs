/**
 * Finds what the addon for NVIDIA GPUs is built with, or fetches it: CUDA's compiler and headers, cuDNN's and
 * cudnn-frontend's headers. No GPU and no driver is needed.
 *
 *     node scripts/cuda.mjs fetch     puts NVIDIA's wheels in the cache, unless they are there
 *
 * The order: MLPCONV_CUDA_PATH, CUDA_HOME, CUDA_PATH, /usr/local/cuda, each if it has all of it; the cache.
 */
import { existsSync } from 'node:fs'
import { chmod, cp, mkdir, readFile, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheFolder, writeWhole } from './cache.mjs'
import { isMain } from './main.mjs'
import { SetupError } from './process.mjs'
import { unpackWheels } from './wheels.mjs'

/**
 * @typedef {object} Cuda
 * @property {string} nvcc
 * @property {readonly string[]} includes folders of headers
 * @property {string} version of CUDA
 * @property {string} source where it was found
 */

const cudaVersion = '13.5.37'
const cudnnVersion = '9.28.1.4'
const leastMajor = 13

/** The name of the cache's folder of wheels, which the addon looks into as well. */
export const wheelsFolder = `cuda-${cudaVersion}-cudnn-${cudnnVersion}`

/** @type {readonly import('./wheels.mjs').Wheel[]} */
const wheels = [
  ['nvidia-cuda-nvcc', cudaVersion, 'f5c4f7ead5d964fb4af42bbf1e6d3ec3c1e6e9d83b53749f691d387e7fcaa3a7'],
  ['nvidia-cuda-crt', cudaVersion, 'e898b7f73d3035fa89915a3f7bf3b54a73e90249746111aed295822c4729bb29'],
  ['nvidia-nvvm', cudaVersion, 'c41bfa362e407405163f103c2229f0765f8cc2ed7d148b754dc77f228bf7e070'],
  ['nvidia-cuda-cccl', '13.3.5.0.6', 'd5230098fa2df5021e1a00c0c4eee41797671a91119d31e892463e5ccf3ee326'],
  ['nvidia-cuda-runtime', cudaVersion, 'df2b79a8852f10d1fef8c848489c49eebb5754051bf870202a862831412b179d'],
  ['nvidia-cuda-nvrtc', cudaVersion, '86b4d68058807988b7d9af5b44917a0601e9c337f35ccd657bfb3c759ff8d8bc'],
  ['nvidia-nvjitlink', cudaVersion, '280d7cb9649704145f074b8dbde500de04ce02d0872e066e20a83c17bcaa93eb'],
  ['nvidia-cublas', '13.10.0.20', 'dcc6d63884c53d07e267ce7e6feac17b2538cebaafec5db865736c3e28e4dc84'],
  ['nvidia-cudnn-cu13', cudnnVersion, 'a54f205b1db1f2895d99f398754db1369816f0569dd459731f925635cf7b65ec'],
  ['nvidia-cudnn-frontend', '1.32.0', 'c6006556017a4d1c914c52a556c71b1267f2d6a0500f742e7b4edef539878df0'],
].map(([name = '', version = '', hash = '']) => ({ name, version, hash }))

const advice =
  'install CUDA 13 with cuDNN 9 and cudnn-frontend and set CUDA_HOME, or run `node scripts/cuda.mjs fetch`, which ' +
  'fetches them (1 GB)'

/** Where fetched wheels lie. */
export function cachedRoot(env = process.env) {
  return join(cacheFolder(env), wheelsFolder)
}

/**
 * What a folder lacks to be built with, or what it has.
 * @param {string} root
 * @param {string} source
 * @returns {Promise<Cuda | string>}
 */
async function examine(root, source) {
  const nvcc = [join(root, 'bin', 'nvcc'), join(root, 'nvidia', 'cu13', 'bin', 'nvcc')].find(existsSync)
  if (!nvcc) return 'no bin/nvcc'
  const folders = ['include', 'nvidia/cu13/include', 'nvidia/cudnn/include'].map((folder) => join(root, folder))
  folders.push('/usr/include', `/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`)
  const headers = ['cuda_runtime_api.h', 'cudnn.h', 'cudnn_frontend.h']
  const found = headers.map((header) => folders.find((folder) => existsSync(join(folder, header))))
  const missing = headers.filter((_, i) => !found[i])
  if (missing.length > 0) return `no ${missing.join(', ')}`
  const text = await readFile(join(found[0] ?? '', 'cuda_runtime_api.h'), 'utf8')
  const version = Number(/#define\s+CUDART_VERSION\s+(\d+)/.exec(text)?.[1] ?? 0)
  const words = `${Math.floor(version / 1000)}.${Math.floor((version % 1000) / 10)}`
  if (version < leastMajor * 1000) return `CUDA ${words}, expected ${leastMajor}.0 or newer`
  // The compiler looks into /usr/include by itself, and must not do so first.
  const includes = [...new Set(found)].filter((folder) => folder !== undefined && folder !== '/usr/include')
  return { nvcc, includes: /** @type {string[]} */ (includes), version: words, source }
}

/**
 * The first CUDA that has all that is needed. Throws a SetupError that says what was tried.
 * @returns {Promise<Cuda>}
 */
export async function findCuda(env = process.env) {
  /** @type {[string, string | undefined][]} */
  const roots = [
    ...['MLPCONV_CUDA_PATH', 'CUDA_HOME', 'CUDA_PATH'].map(
      (name) => /** @type {[string, string | undefined]} */ ([name, env[name]]),
    ),
    ['system', '/usr/local/cuda'],
    ['cache', cachedRoot(env)],
  ]
  const tried = []
  for (const [source, root] of roots) {
    if (!root) continue
    const result = await examine(root, source)
    if (typeof result !== 'string') return result
    tried.push(`${source}, ${root}: ${result}`)
  }
  throw new SetupError(`CUDA is missing: ${tried.join('; ')}; ${advice}`)
}

/**
 * Finds CUDA and fetches it into the cache if there is none.
 * @returns {Promise<Cuda>}
 */
export async function ensureCuda(env = process.env) {
  try {
    return await findCuda(env)
  } catch {
    await fetchCuda(env)
    return findCuda(env)
  }
}

async function fetchCuda(env = process.env) {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new SetupError(`there is no ready-made CUDA for ${process.platform} ${process.arch}: ${advice}`)
  }
  await writeWhole(cachedRoot(env), async (root) => {
    await unpackWheels(wheels, root, { env, advice, keep: (unpacked) => keep(unpacked, root) })
    // Python's zipfile forgets it.
    for (const folder of ['bin', 'nvvm/bin'].map((name) => join(root, 'nvidia', 'cu13', name))) {
      for (const name of await readdir(folder)) await chmod(join(folder, name), 0o755)
    }
  })
}

/**
 * Moves the folders `nvidia` and `include` and the licences to `root`.
 * @param {string} unpacked
 * @param {string} root
 */
async function keep(unpacked, root) {
  for (const name of await readdir(unpacked)) {
    if (name === 'nvidia' || name === 'include') await merge(join(unpacked, name), join(root, name))
    if (name.endsWith('.dist-info')) await cp(join(unpacked, name), join(root, 'licenses', name), { recursive: true })
  }
}

/**
 * Moves a folder's files into another that may have some already.
 * @param {string} from
 * @param {string} to
 */
async function merge(from, to) {
  await mkdir(to, { recursive: true })
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const target = join(to, entry.name)
    if (entry.isDirectory()) await merge(join(from, entry.name), target)
    else await rename(join(from, entry.name), target)
  }
}

if (isMain(import.meta.url)) {
  try {
    if (process.argv[2] !== 'fetch') throw new SetupError('usage: node scripts/cuda.mjs fetch')
    const { version, nvcc, source } = await ensureCuda()
    console.log(`CUDA ${version} (${source}): ${nvcc}`)
  } catch (error) {
    const { message, output } = /** @type {SetupError} */ (error)
    console.error([message, output].filter(Boolean).join('\n'))
    process.exitCode = 1
  }
}
