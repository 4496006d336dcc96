/**
 * Builds the emulator of a GPU, a test double (test/emulator): build/emulator with a libcudart, a libcudnn and our
 * kernels compiled for the host. MLPCONV_CUDA_PATH=build/emulator has the addon open them instead of the real ones.
 *
 *     node scripts/emulator.mjs
 */
import { readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compile, inParallel } from './compile.mjs'
import { findCuda } from './cuda.mjs'
import { isMain } from './main.mjs'
import { run } from './process.mjs'
import { printError } from './setup.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Where the emulator's libraries lie. */
export const emulatorFolder = join(root, 'build', 'emulator')

/** One after another: the others are linked with the first. */
const libraries = [
  { name: 'libcudart.so.13', folder: 'test/emulator', ending: '.cc', flags: [], links: [] },
  {
    name: 'libcudnn.so.9',
    folder: 'test/emulator/cudnn',
    ending: '.cc',
    flags: ['-O3', '-march=native', '-fopenmp'],
    links: ['-fopenmp', `-L${emulatorFolder}`, '-l:libcudart.so.13', '-Wl,-rpath,$ORIGIN'],
  },
  {
    name: 'libemulated_kernels.so',
    folder: 'native/cudnn',
    ending: '.cu',
    // No fused multiply-adds, as nvcc is told; no vectors, which could read more than the code says.
    flags: ['-march=native', '-ffp-contract=off', '-fno-tree-vectorize', '-fsanitize=thread', '-DMLPCONV_EMULATOR', '-x', 'c++'],
    links: [`-L${emulatorFolder}`, '-l:libcudart.so.13', '-Wl,-rpath,$ORIGIN'],
  },
]

/** Compiles what changed. */
export async function buildEmulator() {
  const compiler = process.env.CXX ?? 'g++'
  const { includes } = await findCuda()
  const common = ['-std=c++20', '-O2', '-g', '-fPIC', '-fvisibility=hidden', '-Wall', '-Wextra', '-Werror']
  const headers = includes.flatMap((folder) => ['-isystem', folder])
  for (const { name, folder, ending, flags, links } of libraries) {
    const names = (await readdir(join(root, folder))).filter((file) => file.endsWith(ending) && !file.includes('_test'))
    const objectOf = (/** @type {string} */ file) => join(emulatorFolder, 'objects', folder, `${file}.o`)
    await inParallel(names, async (file) => {
      await compile(compiler, [...common, ...headers, ...flags], join(root, folder, file), objectOf(file))
    })
    const library = join(emulatorFolder, name)
    const partial = `${library}.partial`
    await run(compiler, ['-shared', `-Wl,-soname,${name}`, ...names.map(objectOf), ...links, '-ldl', '-o', partial])
    await rename(partial, library)
  }
  const [test, program] = [join(root, 'test/emulator/strictness_test.cc'), join(emulatorFolder, 'strictness_test')]
  await compile(compiler, [...common, ...headers], test, `${program}.o`)
  const links = [`-L${emulatorFolder}`, '-l:libcudart.so.13', '-Wl,-rpath,$ORIGIN', '-pthread']
  await run(compiler, [`${program}.o`, ...links, '-o', program])
}

if (isMain(import.meta.url)) {
  try {
    await buildEmulator()
    console.log(emulatorFolder)
  } catch (error) {
    printError(error)
    process.exitCode = 1
  }
}
