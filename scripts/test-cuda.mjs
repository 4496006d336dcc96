/**
 * The tests of ops and of training, through the addon for NVIDIA GPUs:
 *
 *     node scripts/test-cuda.mjs [--gpu] [a path of tests ...]
 *
 * without a GPU on the emulator, a test double (test/emulator/README.md), with `--gpu` on the machine's own.
 */
import { spawn } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildEmulator, emulatorFolder } from './emulator.mjs'
import { printError, setup } from './setup.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const args = process.argv.slice(2)
const onGpu = args.includes('--gpu')
const paths = args.filter((argument) => argument !== '--gpu')

try {
  await setup()
  await setup({ only: ['build:cuda'] })
  // Emulated plans are another emulator's if they are not new.
  const plans = join(emulatorFolder, 'plans')
  await rm(plans, { recursive: true, force: true })
  if (!onGpu) await buildEmulator()
  const emulated = onGpu ? {} : { MLPCONV_CUDA_PATH: emulatorFolder, MLPCONV_PLAN_CACHE: plans }
  const jest = join(root, 'node_modules', 'jest', 'bin', 'jest.js')
  const tests = paths.length > 0 ? paths : ['test/ops', 'test/train', ...(onGpu ? [] : ['test/emulator'])]
  const child = spawn(process.execPath, ['--experimental-vm-modules', '--no-warnings', jest, ...tests], {
    cwd: root,
    // With the arena full of NaNs before each step.
    env: { ...process.env, MLPCONV_TEST_DEVICE: 'cuda', MLPCONV_POISON: '1', ...emulated },
    stdio: 'inherit',
  })
  child.on('close', (code) => (process.exitCode = code ?? 1))
} catch (error) {
  printError(error)
  process.exitCode = 1
}
