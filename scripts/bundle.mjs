/**
 * Packs what a machine with an NVIDIA GPU, but without Node and network, lacks to run `verify:gpu`: Node's runtime, the
 * built addons, dist, the node_modules that are needed, the built tests and benchmarks, and a script `run`.
 *
 *     node scripts/bundle.mjs [--out mlpconv-gpu.tar.xz]
 *
 * CUDA 13 and cuDNN 9 must be there: a toolkit's, or those that PyTorch brought, which `run` finds. XZ_OPT=-0 packs faster.
 */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, cp, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeWhole } from './cache.mjs'
import { SetupError, run } from './process.mjs'
import { printError, setup } from './setup.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const mostMegabytes = 60
/** What the tests need beside the library's own dependencies. */
const testing = ['jest', '@jest/globals', 'fast-check']
/** What only builds. */
const building = ['cmake-js', 'node-gyp', 'node-addon-api']

const runScript = `#!/bin/sh
# Runs the verification on this machine's NVIDIA GPU; docs/gpu-report.md is what comes of it.
cd "$(dirname "$0")" || exit 1
if [ -z "$MLPCONV_CUDA_PATH" ] && command -v python3 >/dev/null; then
  # The libraries that PyTorch brought.
  MLPCONV_CUDA_PATH=$(python3 -c 'import nvidia, os; print(os.path.dirname(list(nvidia.__path__)[0]))' 2>/dev/null)
  export MLPCONV_CUDA_PATH
fi
exec ./node scripts/verify-gpu.mjs "$@"
`

/**
 * The folders in node_modules that the packages of these names need, they included.
 * @param {readonly string[]} names
 */
async function closure(names) {
  /** @type {{ packages: Record<string, Record<string, Record<string, string> | undefined>> }} */
  const { packages } = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8'))
  /** @type {Set<string>} */
  const folders = new Set()
  const add = (/** @type {string} */ name, /** @type {string} */ from) => {
    for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('node_modules/') - 1))) {
      const folder = `${at}${at ? '/' : ''}node_modules/${name}`
      if (packages[folder]) {
        if (folders.has(folder) || !existsSync(join(root, folder))) return
        folders.add(folder)
        const { dependencies, optionalDependencies } = packages[folder]
        for (const each of Object.keys({ ...dependencies, ...optionalDependencies })) add(each, folder)
        return
      }
      if (!at) return
    }
  }
  for (const name of names) add(name, '')
  return folders
}

/** @param {string} folder */
async function fill(folder) {
  const { dependencies, ...manifest } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  const kept = Object.keys(dependencies).filter((name) => !building.includes(name))
  for (const path of await closure([...kept, ...testing])) {
    // What is within another package comes with it.
    await cp(join(root, path), join(folder, path), {
      recursive: true,
      filter: (from) => !/\.(map|d\.[mc]?ts|md|markdown)$/.test(from),
    })
  }
  const typescript = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  await run(process.execPath, [typescript, '-p', 'tsconfig.bundle.json', '--outDir', folder], { cwd: root })
  await run(process.execPath, [typescript, '-p', 'tsconfig.bench.json', '--outDir', join(folder, 'dist-bench')], { cwd: root })
  for (const path of ['dist', 'scripts', 'docs', 'bench/peers', 'test/fixtures', 'test/train/manyRuns.mjs', 'LICENSE']) {
    await cp(join(root, path), join(folder, path), { recursive: true })
  }
  const release = join('build', 'Release')
  for (const name of await readdir(join(root, release))) {
    if (/\.(node|so\.\d+)$/.test(name)) await cp(join(root, release, name), join(folder, release, name))
  }
  await cp(process.execPath, join(folder, 'node'))
  await writeFile(join(folder, 'package.json'), JSON.stringify({ ...manifest, dependencies, scripts: {} }, undefined, 2))
  await writeFile(
    join(folder, 'jest.config.mjs'),
    `export default { testMatch: ['<rootDir>/test/**/*.test.js'], transform: {}, setupFiles: ['<rootDir>/test/fastCheck.js'],
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/build'], testTimeout: 60_000 }\n`,
  )
  await writeFile(join(folder, 'commit'), `${execFileSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8' })}`)
  await writeFile(join(folder, 'run'), runScript)
  await chmod(join(folder, 'run'), 0o755)
}

try {
  const option = process.argv.indexOf('--out')
  const out = resolve(option < 0 ? join(root, 'build', 'mlpconv-gpu.tar.xz') : (process.argv[option + 1] ?? ''))
  await setup()
  await setup({ only: ['build:cuda'] })
  const temporary = await mkdtemp(join(tmpdir(), 'mlpconv-bundle-'))
  try {
    const folder = join(temporary, 'mlpconv-gpu')
    await mkdir(folder)
    await fill(folder)
    console.log('packing, which takes a minute')
    await mkdir(dirname(out), { recursive: true })
    await writeWhole(out, async (partial) => {
      const env = { XZ_OPT: '-9 -T0', ...process.env }
      await run('tar', ['-C', temporary, '-cJf', partial, 'mlpconv-gpu'], { env })
    })
  } finally {
    await rm(temporary, { recursive: true })
  }
  const megabytes = (await stat(out)).size / 1e6
  if (megabytes > mostMegabytes) throw new SetupError(`${out} has ${megabytes.toFixed(1)} MB, expected ${mostMegabytes} at most`)
  console.log(`${out}: ${megabytes.toFixed(1)} MB; unpack it there and run mlpconv-gpu/run`)
} catch (error) {
  printError(error)
  process.exitCode = 1
}
