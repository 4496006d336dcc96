/** Checks with clang-format that the C++ code has the style of .clang-format; `--fix` gives it that style. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installCommand } from './prerequisites.mjs'
import { SetupError, run } from './process.mjs'
import { printError } from './setup.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const mode = process.argv.includes('--fix') ? ['-i'] : ['--dry-run', '--Werror']

try {
  await run('clang-format', ['--version']).catch(() => {
    throw new SetupError(`clang-format is missing: ${installCommand('clang-format')}`)
  })
  const files = []
  for (const folder of ['native', join('test', 'native'), join('test', 'cudnn'), join('test', 'emulator')]) {
    const names = await readdir(join(root, folder), { recursive: true })
    files.push(...names.filter((name) => /\.(cc|cu|h)$/.test(name)).map((name) => join(folder, name)))
  }
  await run('clang-format', [...mode, ...files], { cwd: root }).catch(({ output }) => {
    throw new SetupError('clang-format: run `node scripts/clang-format.mjs --fix`', output)
  })
} catch (error) {
  printError(error)
  process.exitCode = 1
}
