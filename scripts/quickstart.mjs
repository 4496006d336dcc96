/**
 * Sets everything up and trains Network in Network on Fashion-MNIST.
 *
 *     npm run quickstart                     the recipe that learns fast
 *     npm run quickstart -- --full           the references' own setting
 *     npm run quickstart -- --limit 2000     any option of `mlpconv train`
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'
import { printError, setup } from './setup.mjs'

const full = '--full'
const args = process.argv.slice(2)
const preset = args.includes(full) ? 'd2l' : 'fast'
const program = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))

try {
  await setup()
  process.exitCode = await train(['--preset', preset, ...args.filter((arg) => arg !== full)])
} catch (error) {
  printError(error)
  process.exitCode = 1
}

/**
 * Runs `mlpconv train`. Resolves to its exit code.
 * @param {readonly string[]} options
 */
async function train(options) {
  const child = spawn(process.execPath, [program, 'train', ...options], { stdio: 'inherit' })
  // A terminal sends Ctrl-C to the child too, so it is passed on only where there is none.
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'))
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  const [code, signal] = await once(child, 'close')
  return code ?? 128 + constants.signals[/** @type {NodeJS.Signals} */ (signal)]
}
