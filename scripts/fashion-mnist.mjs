/**
 * Where Fashion-MNIST comes from: the first of the sources that has a file whose unpacked content has the pinned hash.
 * The set-up and the library use the same code.
 *
 *     node scripts/fashion-mnist.mjs     brings the data set into the cache unless it is there
 */
import { webcrypto } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { constants, gunzip } from 'node:zlib'
import { cacheFolder, withTemporary, writeWhole } from './cache.mjs'
import { isMain } from './main.mjs'
import { SetupError, run, tail } from './process.mjs'

/** @typedef {import('./fashion-mnist.d.mts').Source} Source */
/** @typedef {import('./fashion-mnist.d.mts').SourceFile} SourceFile */
/** @typedef {import('./fashion-mnist.d.mts').LoadOptions} LoadOptions */

/**
 * The four files, with the size and SHA-256 of their unpacked content.
 * @type {readonly SourceFile[]}
 */
export const files = [
  {
    name: 'train-images-idx3-ubyte',
    bytes: 47040016,
    sha256: 'c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888',
  },
  {
    name: 'train-labels-idx1-ubyte',
    bytes: 60008,
    sha256: 'bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9',
  },
  {
    name: 't10k-images-idx3-ubyte',
    bytes: 7840016,
    sha256: '5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b',
  },
  {
    name: 't10k-labels-idx1-ubyte',
    bytes: 10008,
    sha256: '0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34',
  },
]

const systemFolder = '/usr/share/datasets/fashion-mnist'
const debianPackage = 'dataset-fashion-mnist'
const mirrors = [
  'https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion',
  'https://fashion-mnist.s3.eu-central-1.amazonaws.com',
]
/** Milliseconds until a mirror must answer, and for which it may send nothing. */
const patience = { answer: 5_000, pause: 20_000 }

/** Where the cache keeps the unpacked files. */
export function dataFolder(env = process.env) {
  return join(cacheFolder(env), 'fashion-mnist')
}

/**
 * The sources in their order. One that MLPCONV_DATA names must do.
 * @returns {Source[]}
 */
export function defaultSources(env = process.env) {
  return [
    ...(env.MLPCONV_DATA ? [folder('MLPCONV_DATA', env.MLPCONV_DATA, true)] : []),
    folder('cache', dataFolder(env)),
    folder('system', systemFolder),
    ...mirrors.map((url) => mirror(url)),
    debian(env),
  ]
}

/**
 * A folder that has the files, packed with gzip or not.
 * @param {string} name
 * @param {string} path
 * @returns {Source}
 */
export function folder(name, path, required = false) {
  return { name: `${name} (${path})`, required, open: async () => readFrom(path) }
}

/**
 * @param {string} path
 * @returns {(file: SourceFile) => Promise<Uint8Array>}
 */
function readFrom(path) {
  return async ({ name }) => {
    const found = [name, `${name}.gz`].map((candidate) => join(path, candidate)).find(existsSync)
    if (!found) throw new SetupError(`${name}[.gz] is not there`)
    return readFile(found)
  }
}

/**
 * A web address below which the files lie, packed with gzip.
 * @param {string} url
 * @param {{ answer: number, pause: number }} [limits]
 * @returns {Source}
 */
export function mirror(url, limits = patience) {
  return { name: url, remote: true, open: async () => (file) => download(`${url}/${file.name}.gz`, file.bytes, limits) }
}

/**
 * @param {string} url
 * @param {number} maxBytes
 * @param {{ answer: number, pause: number }} limits
 */
async function download(url, maxBytes, { answer, pause }) {
  const abort = new AbortController()
  let timer = setTimeout(() => abort.abort(new SetupError(`no answer within ${answer} ms`)), answer)
  try {
    const response = await fetch(url, { signal: abort.signal })
    if (!response.ok || !response.body) throw new SetupError(`HTTP ${response.status} ${response.statusText}`)
    const chunks = []
    let bytes = 0
    for await (const chunk of response.body) {
      clearTimeout(timer)
      timer = setTimeout(() => abort.abort(new SetupError(`nothing came for ${pause} ms`)), pause)
      bytes += chunk.length
      if (bytes > maxBytes) throw new SetupError(`more than ${maxBytes} bytes came`)
      chunks.push(chunk)
    }
    return Buffer.concat(chunks)
  } catch (error) {
    const { message, cause } = /** @type {Error} */ (error)
    throw new SetupError(cause ? `${message} (${/** @type {Error} */ (cause).message})` : message)
  } finally {
    clearTimeout(timer)
  }
}

/**
 * The package of Debian and its descendants, without being root and without installing it.
 * @param {NodeJS.ProcessEnv} env
 * @returns {Source}
 */
function debian(env) {
  return {
    name: `apt-get download ${debianPackage}`,
    remote: true,
    open: (wanted) =>
      withTemporary(join(dataFolder(env), 'apt'), async (temporary) => {
        const unpacked = join(temporary, 'unpacked')
        await fetchPackage(temporary)
        const packages = (await readdir(temporary)).filter((name) => name.endsWith('.deb'))
        await run('dpkg-deb', ['-x', join(temporary, packages[0] ?? ''), unpacked])
        const read = readFrom(join(unpacked, systemFolder))
        const contents = new Map()
        for (const file of wanted) contents.set(file.name, await read(file))
        return async ({ name }) => contents.get(name)
      }),
  }
}

/**
 * Downloads the package into a folder; with package lists of its own if the system's are missing or out of date.
 * @param {string} target
 */
async function fetchPackage(target) {
  const state = join(target, 'state')
  await mkdir(join(state, 'lists', 'partial'), { recursive: true })
  await mkdir(join(state, 'cache', 'archives', 'partial'), { recursive: true })
  const common = [`APT::Sandbox::User=${userInfo().username}`, 'Acquire::Retries=1', 'Acquire::http::Timeout=15']
  const own = [`Dir::State::Lists=${join(state, 'lists')}`, `Dir::Cache=${join(state, 'cache')}`]
  /** @param {string[]} settings */
  const apt = (settings, /** @type {string[]} */ ...command) => {
    const options = settings.flatMap((setting) => ['-o', setting])
    return run('apt-get', ['-q', ...options, ...command], { cwd: target, timeout: 300_000 })
  }
  try {
    await apt(common, 'download', debianPackage).catch(async () => {
      await apt([...common, ...own], 'update')
      await apt([...common, ...own], 'download', debianPackage)
    })
  } catch (error) {
    const { message, output } = /** @type {SetupError} */ (error)
    throw new SetupError(output ? tail(output, 1) : message)
  }
}

/**
 * Unpacks what a source gave, if it is packed, and checks its hash.
 * @param {SourceFile} file
 * @param {Uint8Array} received
 */
async function verified(file, received) {
  const content = await unpack(received, file.bytes)
  const actual = Buffer.from(await webcrypto.subtle.digest('SHA-256', content)).toString('hex')
  if (actual !== file.sha256) {
    throw new SetupError(
      `${file.name} is not the expected file: expected SHA-256 ${file.sha256} (${file.bytes} bytes unpacked), ` +
        `received ${actual} (${content.length} bytes)`,
    )
  }
  return content
}

/**
 * What can be unpacked of a gzip file, cut after `maxBytes`; anything else as it is.
 * @param {Uint8Array} data
 * @param {number} maxBytes
 */
async function unpack(data, maxBytes) {
  if (data[0] !== 0x1f || data[1] !== 0x8b) return data
  const options = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: maxBytes }
  return promisify(gunzip)(data, options).catch(() => data)
}

/**
 * The contents of the four files, by their names. What a remote source gives is kept in the cache.
 * Throws a SetupError that says what was tried.
 * @param {LoadOptions} [options]
 */
export async function loadFashionMnist(options = {}) {
  const { env = process.env, sources = defaultSources(env), expected = files, onProgress } = options
  /** @type {Record<string, Uint8Array>} */
  const contents = {}
  const failures = []
  for (const source of sources) {
    const wanted = expected.filter(({ name }) => !(name in contents))
    if (wanted.length === 0) break
    try {
      if (source.remote) onProgress?.(source.name)
      const read = await source.open(wanted)
      for (const file of wanted) {
        try {
          contents[file.name] = await verified(file, await read(file))
        } catch (error) {
          if (source.remote || source.required) throw error
          failures.push(`${source.name}: ${/** @type {Error} */ (error).message}`)
          continue
        }
        if (source.remote) await writeCached(file, contents[file.name], env)
      }
    } catch (error) {
      failures.push(`${source.name}: ${/** @type {Error} */ (error).message}`)
      if (source.required) break
    }
  }
  if (expected.some(({ name }) => !(name in contents))) {
    throw new SetupError(
      'Fashion-MNIST could not be had; put its four files into a folder and set MLPCONV_DATA to it. Tried:\n' +
        failures.map((failure) => `  ${failure}`).join('\n'),
    )
  }
  return contents
}

/**
 * @param {SourceFile} file
 * @param {Uint8Array} content
 * @param {NodeJS.ProcessEnv} env
 */
async function writeCached(file, content, env) {
  await writeWhole(join(dataFolder(env), file.name), (temporary) => writeFile(temporary, content))
}

if (isMain(import.meta.url)) {
  try {
    await loadFashionMnist({ onProgress: (source) => console.log(`trying ${source}`) })
    console.log('Fashion-MNIST is there')
  } catch (error) {
    console.error(/** @type {Error} */ (error).message)
    process.exitCode = 1
  }
}
