import { realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/**
 * Whether a module is the program that Node was started with, rather than imported.
 * @param {string} url the module's import.meta.url
 */
export function isMain(url) {
  const [, program] = process.argv
  return program !== undefined && realpathSync(program) === fileURLToPath(url)
}
