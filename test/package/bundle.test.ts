/** `npm run bundle`: the archive for a machine with a GPU but without Node, unpacked in another folder and started. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { addonPath } from '../../lib/native/load.js'
import { hasNvidiaGpu } from '../../scripts/setup.mjs'

const execute = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const emulator = join(root, 'build', 'emulator')
let folder = ''

/** A bundle holds the addon for GPUs: `npm run build:cuda` builds it, for which a gigabyte is fetched. */
const describeWithCuda = existsSync(addonPath('cudnn')) ? describe : describe.skip
/** `npm run test:cuda` builds it. */
const testOnEmulator = existsSync(join(emulator, 'libcudnn.so.9')) ? test : test.skip
/** Where there is a GPU, `run` would verify it for minutes. */
const testWithoutGpu = hasNvidiaGpu() ? test.skip : test

/** What a program of the bundle printed, and its exit code. */
async function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}, cwd = tmpdir()) {
  const options = { cwd, env: { PATH: join(folder, 'bin'), MLPCONV_CACHE: join(folder, 'cache'), ...env } }
  try {
    return { code: 0, ...(await execute(join(folder, 'mlpconv-gpu', program), args, options)) }
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string }
  }
}

describeWithCuda('with the CUDA addon built', () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mlpconv-bundle-test-'))
    const archive = join(folder, 'bundle.tar.xz')
    // Less packed than the one that is given away, since that takes a minute.
    const env = { ...process.env, XZ_OPT: '-0 -T0' }
    await execute(process.execPath, [join(root, 'scripts', 'bundle.mjs'), '--out', archive], { env })
    await execute('tar', ['-C', folder, '-xf', archive])
    // A machine without Node and Python.
    await mkdir(join(folder, 'bin'))
    await symlink('/usr/bin/dirname', join(folder, 'bin', 'dirname'))
  }, 300_000)

  afterAll(() => rm(folder, { recursive: true, force: true }))

  test('it has less than 60 MB: Node, the addons, the tests, the benchmarks, and the commit that it is of', async () => {
    expect((await stat(join(folder, 'bundle.tar.xz'))).size).toBeLessThan(60e6)
    const bundle = join(folder, 'mlpconv-gpu')
    const files = (await readdir(bundle, { recursive: true })).sort()
    const addons = await readdir(join(root, 'build', 'Release'))
    expect(files).toEqual(
      expect.arrayContaining([
        'commit',
        'node',
        'run',
        ...addons.filter((name) => name.endsWith('.node')).map((name) => `build/Release/${name}`),
        'dist/cli/main.js',
        'dist-bench/step.js',
        'bench/peers/pytorch_step.py',
        'node_modules/jest/bin/jest.js',
        'scripts/verify-gpu.mjs',
        'test/ops/ops.test.js',
        'test/train/parity.test.js',
      ]),
    )
    const { stdout } = await execute('git', ['rev-parse', 'HEAD'], { cwd: root })
    expect(await readFile(join(bundle, 'commit'), 'utf8')).toBe(stdout)
  })

  testWithoutGpu('it starts without Node, and refuses where there is no GPU', async () => {
    const { code, stdout, stderr } = await run('run', [])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^no NVIDIA GPU can be used here/)
  })

  testOnEmulator('its library finds a GPU, and its tests run on it', async () => {
    const env = { MLPCONV_CUDA_PATH: emulator, MLPCONV_PLAN_CACHE: join(folder, 'plans'), MLPCONV_TEST_DEVICE: 'cuda' }
    const doctor = await run('node', [join(folder, 'mlpconv-gpu', 'dist', 'cli', 'main.js'), 'doctor'], env)
    expect(doctor.stdout).toMatch(/^✓ +GPU 0 +emulator/m)
    const jest = ['--experimental-vm-modules', '--no-warnings', join('node_modules', 'jest', 'bin', 'jest.js')]
    const tested = await run('node', [...jest, 'test/train/sharedParameters'], env, join(folder, 'mlpconv-gpu'))
    expect(tested.stderr).toMatch(/^Tests: +[1-9]\d* passed, [1-9]\d* total$/m)
    expect(tested.code).toBe(0)
  })
})
