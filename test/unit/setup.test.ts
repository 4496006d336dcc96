import { beforeEach, describe, expect, test } from '@jest/globals'
import { cpSync, existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { useBareMachine, type Result } from '../bareMachine.js'

const scripts = fileURLToPath(new URL('../../scripts', import.meta.url))
const sudo = process.getuid?.() === 0 ? '' : 'sudo '
const { path, program, run: runScript } = useBareMachine()

/** Runs a copy of the set-up, as of an installed package. */
function run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Result {
  return runScript(path('scripts', 'setup.mjs'), args, env)
}

beforeEach(() => {
  cpSync(scripts, path('scripts'), { recursive: true })
})

describe('a machine without prerequisites is told, a line each, what mends it', () => {
  const compiler = process.platform === 'darwin' ? 'clang++' : 'g++, clang++, c++'

  test.each([
    ['apt-get', `${sudo}apt-get install g++ make`, `${sudo}apt-get install python3`],
    ['dnf', `${sudo}dnf install gcc-c++ make`, `${sudo}dnf install python3`],
    ['brew', 'brew install llvm libomp', 'brew install python3'],
  ])('with %s', (manager, mendsCompiler, mendsPython) => {
    program(manager)
    const { stdout, stderr, status } = run(['--only', 'prerequisites'])
    expect(status).toBe(1)
    expect(stdout).toMatch(/^✗ prerequisites .* failed\n$/)
    expect(stderr.trimEnd().split('\n').slice(-3)).toEqual([
      `prerequisites: a C++20 compiler with OpenMP is missing (tried ${compiler}): ${mendsCompiler}`,
      `make is missing: ${mendsCompiler}`,
      `Python >= 3.8 is missing: ${mendsPython}`,
    ])
  })

  test('a compiler that does not know C++20 is none, and its words are kept', () => {
    for (const name of ['make', 'python3', 'apt-get']) program(name)
    program('old++', 'echo "unrecognized option -std=c++20" >&2; exit 1')
    const { stderr, status } = run(['--only', 'prerequisites'], { CXX: 'old++ -O0' })
    expect(status).toBe(1)
    expect(stderr).toMatch(/unrecognized option -std=c\+\+20\n/)
    expect(stderr).toMatch(
      /C\+\+20 compiler with OpenMP is missing \(tried old\+\+ -O0\): .*apt-get install g\+\+ make\n$/,
    )
    expect(readFileSync(path('build', 'setup-prerequisites.log'), 'utf8')).toMatch(/unrecognized option/)
  })

  test('pip is asked for only when oneDNN is to be fetched', () => {
    program('apt-get')
    program('python3', 'exit 1')
    const { stderr, status } = run(['--only', 'onednn'])
    expect(status).toBe(1)
    expect(stderr).toBe(`onednn: pip, which fetches oneDNN, is missing: ${sudo}apt-get install python3-pip\n`)
    expect(existsSync(path('cache'))).toBe(false)
  })
})

describe('the steps', () => {
  test('are done once, and again when something has changed', () => {
    for (const name of ['make', 'python3', 'some++']) program(name)
    const first = run(['--only', 'prerequisites'], { CXX: 'some++' })
    expect(first).toMatchObject({ stderr: '', status: 0 })
    expect(first.stdout).toMatch(/^✓ prerequisites .* Node [\d.]+, some\+\+\n$/)
    expect(run(['--only', 'prerequisites'], { CXX: 'some++' }).stdout).toMatch(/up to date\n$/)
    expect(run(['--only', 'prerequisites'], { CXX: 'some++ -O1' }).stdout).toMatch(/some\+\+ -O1\n$/)
  })

  test('of a repository are not those of an installed package', () => {
    const skip = ['prerequisites', 'onednn', 'addon'].flatMap((name) => ['--skip', name])
    expect(run(skip)).toEqual({ stdout: '', stderr: '', status: 0 })
  })

  test('have names, and the options too', () => {
    expect(run(['--only', 'nonsense']).stderr).toMatch(/^there is no step nonsense; the steps are prerequisites, /)
    expect(run(['--only']).stderr).toMatch(/^usage: /)
    expect(run(['--all', 'x']).status).toBe(1)
  })
})
