/**
 * Verifies the backend for NVIDIA GPUs on a machine that has one, and writes docs/gpu-report.md:
 *
 *     node scripts/verify-gpu.mjs [--python <path>]
 *
 * the tests of ops, parity and training, the same under compute-sanitizer where that is installed, and one SGD step
 * against PyTorch (eager, channels_last, torch.compile with max-autotune, which uses CUDA graphs) where an interpreter
 * has it. Without a GPU it does nothing and says so. In a bundle (scripts/bundle.mjs) nothing is built.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { release } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeWhole } from './cache.mjs'
import { SetupError } from './process.mjs'
import { hasNvidiaGpu, printError, setup } from './setup.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const isBundle = existsSync(join(root, 'commit'))
const report = join(root, 'docs', 'gpu-report.md')
const refusal =
  'no NVIDIA GPU can be used here, so nothing is verified and docs/gpu-report.md is left as it is; `mlpconv doctor` says ' +
  'what is missing, and `npm run bundle` packs all of this for a machine that has a GPU'

/**
 * Runs a program of ours, shows what it prints, and resolves to that and its exit code.
 * @param {readonly string[]} command
 * @param {NodeJS.ProcessEnv} [env]
 */
function show([program = '', ...args], env = {}) {
  console.log(`\n> ${[program, ...args].join(' ')}`)
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd: root,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  })
  const output = `${stdout ?? ''}${stderr ?? ''}${error ? String(error) : ''}`
  process.stdout.write(output)
  return { passed: status === 0, stdout: stdout ?? '', output }
}

/**
 * The last line of a text that matches.
 * @param {string} text
 * @param {RegExp} pattern
 */
function line(text, pattern) {
  return text.split('\n').findLast((each) => pattern.test(each))?.trim() ?? 'none'
}

function commit() {
  if (isBundle) return readFile(join(root, 'commit'), 'utf8').then((text) => text.trim())
  const run = (/** @type {string[]} */ ...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()
  return `${run('rev-parse', 'HEAD')}${run('status', '--porcelain') ? ', with changes' : ''}`
}

/** The interpreter that has PyTorch for CUDA, if any. */
function findPython() {
  const given = process.argv.indexOf('--python')
  const candidates = given < 0 ? ['python3'] : [process.argv[given + 1] ?? '']
  return candidates.find(
    (python) => spawnSync(python, ['-c', 'import torch; assert torch.cuda.is_available()']).status === 0,
  )
}

try {
  // Before a gigabyte is fetched for nothing.
  if (!hasNvidiaGpu()) throw new SetupError(refusal)
  if (!isBundle) {
    await setup()
    await setup({ only: ['build:cuda'] })
  }
  const main = join(root, 'dist', 'cli', 'main.js')
  const doctor = show([process.execPath, main, 'doctor'])
  if (!/^✓ +GPU 0/m.test(doctor.stdout)) {
    throw new SetupError(refusal)
  }

  const jest = [process.execPath, '--experimental-vm-modules', '--no-warnings', join('node_modules', 'jest', 'bin', 'jest.js')]
  const tests = ['test/ops', 'test/train']
  const env = { MLPCONV_TEST_DEVICE: 'cuda', MLPCONV_POISON: '1' }
  const tested = show([...jest, ...tests], env)
  const hasSanitizer = spawnSync('compute-sanitizer', ['--version']).status === 0
  const sanitized = hasSanitizer
    ? show(['compute-sanitizer', '--error-exitcode', '9', ...jest, '--runInBand', 'test/ops/ops'], env)
    : undefined

  const python = findPython()
  if (!isBundle) show([process.execPath, join('node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.bench.json'])
  const bench = [process.execPath, join('dist-bench', 'main.js'), '--device', 'cuda', '--rounds', '3']
  const measured = show([...bench, ...(python === undefined ? [] : ['--python', python])])

  const passed = tested.passed && (sanitized?.passed ?? true) && measured.passed
  const table = measured.stdout.slice(Math.max(0, measured.stdout.indexOf('| work |')))
  const versions = python && show([python, '-c', 'import torch; print(torch.__version__, torch.version.cuda)']).stdout.trim()
  const text = `# Report of a run on a GPU

Written by \`npm run verify:gpu\`. ${passed ? 'Everything passed.' : '**Something failed.**'}

| | |
|---|---|
| date | ${new Date().toISOString()} |
| commit | ${await commit()} |
| system | Linux ${release()}, Node ${process.version} |
| tests of ops, parity and training | ${tested.passed ? 'passed' : 'failed'}: ${line(tested.output, /^Tests:/)} |
| compute-sanitizer, tests of ops | ${sanitized ? `${sanitized.passed ? 'passed' : 'failed'}: ${line(sanitized.output, /ERROR SUMMARY/)}` : 'not installed'} |
| PyTorch | ${versions ?? 'not installed'} |

    ${doctor.stdout.trim().replaceAll('\n', '\n    ')}

## One SGD step of Network in Network, batch 64

\`node dist-bench/main.js --device cuda --rounds 3\`. PyTorch's batch lies on the GPU, resized; ours is gathered and resized in
the step. Memory is the GPU's.

${table}`
  await writeWhole(report, (temporary) => writeFile(temporary, text))
  console.log(`\n${report}`)
  process.exitCode = passed ? 0 : 1
} catch (error) {
  printError(error)
  process.exitCode = 1
}
