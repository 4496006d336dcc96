/**
 * Compiles and runs the native tests under AddressSanitizer and UndefinedBehaviorSanitizer.
 *
 *     node scripts/native-test.mjs [part of a name ...]
 *
 * Each test/native/<name>_test.cc is a program, linked with native/core and, if its name begins with `onednn_`, with
 * native/onednn (with its folders) and oneDNN. Objects are kept in build/native-test.
 */
import { readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compile, inParallel } from './compile.mjs'
import { isMain } from './main.mjs'
import { findOneDnn } from './onednn.mjs'
import { SetupError, run } from './process.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const build = join(root, 'build', 'native-test')
const compiler = process.env.CXX ?? 'g++'
const sanitizers = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all']
const flags = ['-std=c++20', '-O1', '-g', '-fopenmp', '-Wall', '-Wextra', '-Werror', ...sanitizers]

/**
 * The .cc files of a folder of the repository.
 * @param {string} folder
 */
async function sourcesIn(folder) {
  const names = await readdir(join(root, folder))
  return names.filter((name) => name.endsWith('.cc')).map((name) => join(folder, name))
}

/**
 * The object file of a source.
 * @param {string} source
 */
function objectOf(source) {
  return join(build, `${source}.o`)
}

/** @param {readonly string[]} wanted */
async function main(wanted) {
  const { include, library } = await findOneDnn()
  const core = await sourcesIn('native/core')
  const onednn = (await Promise.all(['', '/pointwise', '/simd', '/winograd'].map((part) => sourcesIn(`native/onednn${part}`)))).flat()
  const tests = (await sourcesIn('test/native')).filter((test) =>
    test.endsWith('_test.cc') && (wanted.length === 0 || wanted.some((part) => test.includes(part))))
  if (tests.length === 0) throw new SetupError(`no test in test/native is named like ${wanted.join(' or ')}`)

  /** @param {string} test */
  const usesOneDnn = (test) => basename(test).startsWith('onednn_')
  const began = performance.now()
  const sources = [...core, ...(tests.some(usesOneDnn) ? onednn : []), ...tests]
  let compiled = 0
  await inParallel(sources, async (source) => {
    const args = [...flags, '-isystem', include]
    if (await compile(compiler, args, join(root, source), objectOf(source))) compiled++
  })
  const libraries = ['-pthread', '-ldl']
  await inParallel(tests, async (test) => {
    const objects = [test, ...core, ...(usesOneDnn(test) ? onednn : [])].map(objectOf)
    const linked = usesOneDnn(test) ? [library, `-Wl,-rpath,${dirname(library)}`] : []
    await run(compiler, [...flags, ...objects, ...linked, ...libraries, '-o', programOf(test)])
  })
  console.log(`compiled ${compiled} of ${sources.length} files in ${seconds(began)}`)

  const env = { ...process.env, ASAN_OPTIONS: 'detect_leaks=1:strict_string_checks=1', UBSAN_OPTIONS: 'print_stacktrace=1' }
  let failed = 0
  for (const test of tests) {
    const start = performance.now()
    try {
      const output = await run(programOf(test), [], { cwd: root, env })
      console.log(`ok      ${basename(test, '.cc')}  ${output.trim().split('\n').at(-1)}  ${seconds(start)}`)
    } catch (error) {
      const { message, output } = /** @type {SetupError} */ (error)
      failed++
      console.log(`FAILED  ${basename(test, '.cc')}  ${seconds(start)}  ${message}\n${output}`)
    }
  }
  console.log(`${tests.length - failed} passed, ${failed} failed`)
  if (failed > 0) process.exitCode = 1
}

/**
 * The program of a test.
 * @param {string} test
 */
function programOf(test) {
  return join(build, basename(test, '.cc'))
}

/**
 * The time since `start`, for people.
 * @param {number} start
 */
function seconds(start) {
  return `${((performance.now() - start) / 1000).toFixed(1)} s`
}

if (isMain(import.meta.url)) {
  try {
    await main(process.argv.slice(2))
  } catch (error) {
    const { message, output } = /** @type {SetupError} */ (error)
    console.error([message, output].filter(Boolean).join('\n'))
    process.exitCode = 1
  }
}
