import { describe, expect, test } from '@jest/globals'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { useBareMachine, type Result } from '../bareMachine.js'

const script = fileURLToPath(new URL('../../scripts/onednn.mjs', import.meta.url))
const libraryName = process.platform === 'darwin' ? 'libdnnl.3.dylib' : 'libdnnl.so.3'
const { path, program, run: runScript } = useBareMachine()

function run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Result {
  const result = runScript(script, args, env)
  return { ...result, stdout: result.stdout.trimEnd() }
}

function file(name: string, text = ''): void {
  mkdirSync(dirname(name), { recursive: true })
  writeFileSync(name, text)
}

/** A folder that looks like an installed oneDNN. */
function install(root: string, version = '3.2.0', { lib = 'lib', runtime = 'OMP', name = libraryName } = {}): string {
  const parts = ['MAJOR', 'MINOR', 'PATCH'].map((part, i) => `#define DNNL_VERSION_${part} ${version.split('.')[i]}\n`)
  file(join(root, 'include', 'oneapi', 'dnnl', 'dnnl_version.h'), parts.join(''))
  file(join(root, 'include', 'oneapi', 'dnnl', 'dnnl_config.h'), `#define DNNL_CPU_RUNTIME DNNL_RUNTIME_${runtime}\n`)
  file(join(root, lib, name))
  return root
}

function pkgConfig(root: string): void {
  program('pkg-config', `case $1 in *includedir) echo ${root}/include;; *libdir) echo ${root}/lib;; esac`)
}

describe('the order', () => {
  test('ONEDNN_ROOT, then pkg-config, then the cache', () => {
    const cached = install(path('cache', 'onednn-2023.2.0'))
    expect(run(['--lib'])).toEqual({ stdout: join(cached, 'lib', libraryName), stderr: '', status: 0 })
    const system = install(path('system'), '3.4.1')
    pkgConfig(system)
    expect(run(['--lib']).stdout).toBe(join(system, 'lib', libraryName))
    expect(run(['--include']).stdout).toBe(join(system, 'include'))
    const own = install(path('own'), '3.13.0', { lib: 'lib64' })
    expect(run(['--lib'], { ONEDNN_ROOT: own }).stdout).toBe(join(own, 'lib64', libraryName))
    expect(run(['--include'], { ONEDNN_ROOT: own }).stdout).toBe(join(own, 'include'))
    expect(run(['fetch'], { ONEDNN_ROOT: own }).stdout).toBe(
      `oneDNN 3.13.0 (ONEDNN_ROOT): ${join(own, 'lib64', libraryName)}`,
    )
  })

  test.each([
    ['too old', '2.6.3', {}],
    ['too new', '4.0.0', {}],
    ['for SYCL', '3.5.0', { runtime: 'SYCL' }],
    ['without a library', '3.5.0', { name: 'libother.so' }],
  ])("a system's oneDNN that is %s gives way to the cache", (_, version, options) => {
    const cached = install(path('cache', 'onednn-2023.2.0'))
    pkgConfig(install(path('system'), version, options))
    expect(run(['--include']).stdout).toBe(join(cached, 'include'))
  })
})

describe('what is refused', () => {
  test('nothing found: the message has all that was tried and what to do', () => {
    const { stdout, stderr, status } = run(['--lib'])
    expect({ stdout, status }).toEqual({ stdout: '', status: 1 })
    expect(stderr).toBe(
      'no oneDNN >= 3.2 was found (ONEDNN_ROOT is not set; pkg-config knows no dnnl; ' +
        `${path('cache', 'onednn-2023.2.0')} is not there): run \`node scripts/onednn.mjs fetch\`, ` +
        'or set ONEDNN_ROOT to the folder of a oneDNN >= 3.2 (with include/ and lib/)\n',
    )
  })

  test.each<[string, (root: string) => void, RegExp]>([
    ['is not there', () => undefined, /^ONEDNN_ROOT: .*dnnl_version.h cannot be read\n$/],
    ['is too old', (root) => install(root, '3.1.9'), /has oneDNN 3.1.9, expected 3.2 or a later 3.x/],
    ['is for SYCL', (root) => install(root, '3.2.0', { runtime: 'DPCPP' }), /a oneDNN for SYCL/],
    ['has no library', (root) => install(root, '3.2.0', { lib: 'bin' }), /is not in .*lib or .*lib64/],
  ])('an ONEDNN_ROOT that %s is an error, whatever the cache has', (_, make, message) => {
    install(path('cache', 'onednn-2023.2.0'))
    make(path('own'))
    for (const args of [['--lib'], ['fetch']]) {
      const { stdout, stderr, status } = run(args, { ONEDNN_ROOT: path('own') })
      expect({ stdout, status }).toEqual({ stdout: '', status: 1 })
      expect(stderr).toMatch(message)
    }
  })

  test('an unknown command', () => {
    expect(run(['--libs'])).toMatchObject({ status: 1, stdout: '' })
    expect(run([]).stderr).toMatch(/^usage: /)
  })
})

// There is a ready-made oneDNN only for Linux on x86-64; elsewhere the message says what to install.
describe('fetch', () => {
  const hasWheels = process.platform === 'linux' && process.arch === 'x64'

  test('a wheel with another hash is refused, and nothing stays', () => {
    program('python3', 'while [ "$1" != --dest ]; do shift; done; echo x > "$2/onednn_cpu_gomp-2023.2.0-x.whl"')
    const { stderr, status } = run(['fetch'])
    expect(status).toBe(1)
    expect(stderr).toMatch(
      hasWheels
        ? /onednn_cpu_gomp-2023.2.0-x.whl is not the expected file: expected SHA-256 2f22a5\w+, received 73cb38\w+/
        : /there is no ready-made oneDNN/,
    )
    expect(hasWheels ? readdirSync(path('cache')) : []).toEqual([])
  })

  test('pip that fails is told with what it printed', () => {
    program('python3', 'echo no network >&2; exit 1')
    const { stderr, status } = run(['fetch'])
    expect(status).toBe(1)
    expect(stderr).toMatch(hasWheels ? /pip could not download onednn[^]*no network/ : /there is no ready-made oneDNN/)
    expect(hasWheels ? readdirSync(path('cache')) : []).toEqual([])
  })
})
