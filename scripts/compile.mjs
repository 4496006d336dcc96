/** Compiling C++ file by file: an object is made again when its source, what that includes, or the command changed. */
import { existsSync, statSync } from 'node:fs'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { dirname } from 'node:path'
import { run } from './process.mjs'

/**
 * Whether an object is newer than all that it was made from, by the compiler's own list (`-MMD`).
 * @param {string} object
 * @param {string} command
 */
async function isFresh(object, command) {
  if (!existsSync(object) || !existsSync(`${object}.d`) || !existsSync(`${object}.command`)) return false
  if ((await readFile(`${object}.command`, 'utf8')) !== command) return false
  const rule = await readFile(`${object}.d`, 'utf8')
  const files = rule.slice(rule.indexOf(':') + 1).replaceAll('\\\n', ' ').split(/\s+/).filter(Boolean)
  const made = statSync(object).mtimeMs
  return files.every((file) => existsSync(file) && statSync(file).mtimeMs < made)
}

/**
 * Compiles a source unless its object is fresh. Resolves to whether it did.
 * @param {string} compiler
 * @param {readonly string[]} flags
 * @param {string} source
 * @param {string} object
 */
export async function compile(compiler, flags, source, object) {
  const partial = `${object}.partial`
  const args = [...flags, '-MMD', '-MF', `${object}.d`, '-c', source, '-o', partial]
  const command = [compiler, ...args].join(' ')
  if (await isFresh(object, command)) return false
  await mkdir(dirname(object), { recursive: true })
  await run(compiler, args)
  await rename(partial, object)
  await writeFile(`${object}.command`, command)
  return true
}

/**
 * Runs `task` on each item, as many at a time as there are CPUs.
 * @template T
 * @param {readonly T[]} items
 * @param {(item: T) => Promise<void>} task
 */
export async function inParallel(items, task) {
  const waiting = [...items]
  const worker = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await task(item)
  }
  await Promise.all(Array.from({ length: availableParallelism() }, worker))
}
