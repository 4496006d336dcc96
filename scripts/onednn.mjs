/**
 * Finds oneDNN >= 3.2, or fetches it.
 *
 *     node scripts/onednn.mjs --include | --lib     prints the folder of its headers, the path of its shared library
 *     node scripts/onednn.mjs fetch                 puts it in the cache, unless there is one already
 *
 * The order: ONEDNN_ROOT, pkg-config, the cache.
 */
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheFolder, writeWhole } from './cache.mjs'
import { isMain } from './main.mjs'
import { SetupError, run } from './process.mjs'
import { unpackWheels } from './wheels.mjs'

/** @typedef {{ include: string, library: string, version: string, source: string }} OneDnn */

const wheelVersion = '2023.2.0'
const leastVersion = /** @type {const} */ ([3, 2])

/** The wheels, with the hashes of the files that are expected. */
const wheels = [
  { name: 'onednn-cpu-gomp', version: wheelVersion, hash: '2f22a54d6a890ed14bfa185d42a4be65d8b5b1df85dc1f0f3a9abe31620416fb' },
  { name: 'onednn-devel-cpu-gomp', version: wheelVersion, hash: '9763c69e8c907e119056bd52ad918ca84ac9ba939d130a99dfa95ccca3e5e284' },
]

const isMac = process.platform === 'darwin'
const libraryNames = isMac ? ['libdnnl.3.dylib', 'libdnnl.dylib'] : ['libdnnl.so.3', 'libdnnl.so']
const advice =
  'run `node scripts/onednn.mjs fetch`, or set ONEDNN_ROOT to the folder of a oneDNN >= 3.2 (with include/ and lib/)'

/** Where a fetched oneDNN lies. */
export function cachedRoot(env = process.env) {
  return join(cacheFolder(env), `onednn-${wheelVersion}`)
}

/**
 * The first oneDNN that will do. Throws a SetupError that says what was tried. One that ONEDNN_ROOT names must do.
 * @returns {Promise<OneDnn>}
 */
export async function findOneDnn(env = process.env) {
  if (env.ONEDNN_ROOT) return inspect('ONEDNN_ROOT', ...folders(env.ONEDNN_ROOT))
  const tried = ['ONEDNN_ROOT is not set']
  for (const candidate of [fromPkgConfig, fromCache]) {
    try {
      return await candidate(env)
    } catch (error) {
      tried.push(/** @type {Error} */ (error).message)
    }
  }
  throw new SetupError(`no oneDNN >= ${leastVersion.join('.')} was found (${tried.join('; ')}): ${advice}`)
}

/** @param {NodeJS.ProcessEnv} env */
async function fromPkgConfig(env) {
  /** @param {string} name */
  const variable = async (name) => (await run('pkg-config', [`--variable=${name}`, 'dnnl'], { env })).trim()
  const paths = await Promise.all([variable('includedir'), variable('libdir')]).catch(() => {
    throw new SetupError('pkg-config knows no dnnl')
  })
  return inspect('pkg-config', paths[0], [paths[1]])
}

/** @param {NodeJS.ProcessEnv} env */
async function fromCache(env) {
  const root = cachedRoot(env)
  if (!existsSync(root)) throw new SetupError(`${root} is not there`)
  return inspect('cache', ...folders(root))
}

/**
 * @param {string} root
 * @returns {[string, string[]]}
 */
function folders(root) {
  return [join(root, 'include'), [join(root, 'lib'), join(root, 'lib64')]]
}

/**
 * Checks that headers of the right version and a library are there.
 * @param {string} source
 * @param {string} include
 * @param {readonly string[]} libraryFolders
 * @returns {Promise<OneDnn>}
 */
async function inspect(source, include, libraryFolders) {
  /** @param {string} name */
  const header = async (name) => {
    try {
      return await readFile(join(include, 'oneapi', 'dnnl', name), 'utf8')
    } catch {
      throw new SetupError(`${source}: ${join(include, 'oneapi', 'dnnl', name)} cannot be read`)
    }
  }
  const versionHeader = await header('dnnl_version.h')
  const version = ['MAJOR', 'MINOR', 'PATCH'].map((part) =>
    Number(new RegExp(`#define\\s+DNNL_VERSION_${part}\\s+(\\d+)`).exec(versionHeader)?.[1] ?? 0),
  )
  const [major = 0, minor = 0] = version
  if (major !== leastVersion[0] || minor < leastVersion[1]) {
    const expected = `${leastVersion.join('.')} or a later 3.x`
    throw new SetupError(`${source}: ${include} has oneDNN ${version.join('.')}, expected ${expected}`)
  }
  if (/#define\s+DNNL_CPU_RUNTIME\s+DNNL_RUNTIME_(SYCL|DPCPP|NONE)/.test(await header('dnnl_config.h'))) {
    throw new SetupError(`${source}: ${include} has a oneDNN for SYCL or without the CPU, expected one for OpenMP`)
  }
  const library = libraryFolders.flatMap((folder) => libraryNames.map((name) => join(folder, name))).find(existsSync)
  if (!library) throw new SetupError(`${source}: ${libraryNames[0]} is not in ${libraryFolders.join(' or ')}`)
  return { include, library, version: version.join('.'), source }
}

/**
 * Finds oneDNN and fetches it into the cache if there is none.
 * @returns {Promise<OneDnn>}
 */
export async function ensureOneDnn(env = process.env) {
  try {
    return await findOneDnn(env)
  } catch (error) {
    if (env.ONEDNN_ROOT) throw error
    await fetchOneDnn(env)
    return findOneDnn(env)
  }
}

/** Downloads the wheels with pip, checks them and unpacks what is needed of them into the cache. */
async function fetchOneDnn(env = process.env) {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    const way = isMac ? 'brew install onednn pkgconf' : 'install oneDNN >= 3.2'
    const machine = `${process.platform} ${process.arch}`
    throw new SetupError(`there is no ready-made oneDNN for ${machine}: ${way}, then set ONEDNN_ROOT to its folder`)
  }
  await writeWhole(cachedRoot(env), async (root) => {
    await unpackWheels(wheels, root, {
      env,
      advice,
      keep: (unpacked, { name, version }) => {
        const prefix = `${name.replaceAll('-', '_')}-${version}`
        return keep(join(unpacked, `${prefix}.data`, 'data'), root)
      },
    })
  })
}

/**
 * Moves the headers, one copy of the library and the licences to `root`.
 * @param {string} data
 * @param {string} root
 */
async function keep(data, root) {
  const [library = ''] = libraryNames
  const doc = join('share', 'doc', 'onednn')
  for (const [from, to] of [
    ['include', 'include'],
    [join('lib', library), join('lib', library)],
    [doc, 'licenses'],
  ]) {
    if (!from || !to || !existsSync(join(data, from)) || existsSync(join(root, to))) continue
    await mkdir(join(root, to, '..'), { recursive: true })
    await rename(join(data, from), join(root, to))
  }
}

if (isMain(import.meta.url)) {
  const [command] = process.argv.slice(2)
  try {
    if (command === '--include') console.log((await findOneDnn()).include)
    else if (command === '--lib') console.log((await findOneDnn()).library)
    else if (command === 'fetch') {
      const { version, library, source } = await ensureOneDnn()
      console.log(`oneDNN ${version} (${source}): ${library}`)
    } else throw new SetupError('usage: node scripts/onednn.mjs --include | --lib | fetch')
  } catch (error) {
    const { message, output } = /** @type {SetupError} */ (error)
    console.error([message, output].filter(Boolean).join('\n'))
    process.exitCode = 1
  }
}
