/** The cache folder of fetched things, and how something is put there: whole or not at all. */
import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { homedir, hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'

/** MLPCONV_CACHE, else `mlpconv` in the user's cache folder. */
export function cacheFolder(env = process.env, platform = process.platform) {
  if (env.MLPCONV_CACHE) return env.MLPCONV_CACHE
  if (env.XDG_CACHE_HOME) return join(env.XDG_CACHE_HOME, 'mlpconv')
  return platform === 'darwin' ? join(homedir(), 'Library', 'Caches', 'mlpconv') : join(homedir(), '.cache', 'mlpconv')
}

/**
 * The SHA-256 of a file's content, in hexadecimal.
 * @param {string} path
 */
export async function sha256(path) {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

const suffix = '.partial'
const owner = hostname().replaceAll('.', '-')

/**
 * Lends a temporary path beside `destination` and removes what is there afterwards, and what killed processes left.
 * @template T
 * @param {string} destination
 * @param {(temporary: string) => Promise<T>} use
 */
export async function withTemporary(destination, use) {
  const folder = dirname(destination)
  await mkdir(folder, { recursive: true })
  await removeAbandoned(folder)
  const name = [basename(destination), owner, process.pid, randomBytes(4).toString('hex')].join('.')
  const temporary = join(folder, `.${name}${suffix}`)
  try {
    return await use(temporary)
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}

/**
 * Makes a file or folder whole or not at all: `fill` makes it under a temporary name beside `destination`, it is synced
 * and renamed.
 * @param {string} destination
 * @param {(temporary: string) => Promise<void>} fill
 */
export async function writeWhole(destination, fill) {
  await withTemporary(destination, async (temporary) => {
    await fill(temporary)
    await syncTree(temporary)
    if ((await stat(temporary)).isDirectory()) {
      await withTemporary(destination, async (replaced) => {
        await rename(destination, replaced).catch(unlessMissing)
        await rename(temporary, destination)
      })
    } else {
      await rename(temporary, destination)
    }
    await sync(dirname(destination))
  })
}

/** @param {NodeJS.ErrnoException} error */
function unlessMissing(error) {
  if (error.code !== 'ENOENT') throw error
}

/**
 * Removes the temporary files of processes that are no more.
 * @param {string} folder
 */
async function removeAbandoned(folder) {
  for (const name of await readdir(folder)) {
    const pid = name.endsWith(suffix) ? name.split(`.${owner}.`)[1]?.split('.')[0] : undefined
    if (pid && !isRunning(Number(pid))) await rm(join(folder, name), { recursive: true, force: true })
  }
}

/** @param {number} pid */
function isRunning(pid) {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM'
  }
}

/**
 * Flushes a file, or a folder and all that is in it, to the disk.
 * @param {string} path
 */
async function syncTree(path) {
  if ((await stat(path)).isDirectory()) {
    for (const name of await readdir(path)) await syncTree(join(path, name))
  }
  await sync(path)
}

/** @param {string} path */
async function sync(path) {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
