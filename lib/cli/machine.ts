/** What the machine has, as far as the system says. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

/** The instruction sets that make convolutions fast, as Linux calls them. */
const fastFeatures = ['avx2', 'fma', 'avx512f', 'avx512_bf16', 'amx_bf16', 'asimd', 'sve', 'bf16']

/** Which of the fast instruction sets the processor has; empty where the system does not say. */
export function cpuFeatures(): string[] {
  const flags = /^(?:flags|Features)\s*:(.*)$/m.exec(readIfThere('/proc/cpuinfo'))?.[1]?.trim().split(/\s+/) ?? []
  return fastFeatures.filter((feature) => flags.includes(feature))
}

/**
 * The first shared library whose file name begins so, where the dynamic loader looks for it or CUDA's own installer puts
 * it.
 *
 * @param prefix such as `libcuda.so`
 */
export async function findLibrary(prefix: string): Promise<string | undefined> {
  const { CUDA_HOME, CUDA_PATH, LD_LIBRARY_PATH = '' } = process.env
  const toolkits = [CUDA_HOME, CUDA_PATH, '/usr/local/cuda'].filter((root) => root !== undefined)
  const folders = [
    ...LD_LIBRARY_PATH.split(delimiter).filter(Boolean),
    ...toolkits.flatMap((root) => [join(root, 'lib64'), join(root, 'lib')]),
    '/usr/lib/wsl/lib',
  ]
  for (const folder of folders) {
    const name = (await readdir(folder).catch(() => [])).find((entry) => entry.startsWith(prefix))
    if (name !== undefined) return join(folder, name)
  }
  const cached = (await loaderCache()).split('\n').find((line) => line.trim().startsWith(prefix))
  return cached?.split('=>')[1]?.trim()
}

/** What the dynamic loader knows, a line per library: `libcuda.so.1 (libc6,x86-64) => /usr/lib/.../libcuda.so.1`. */
async function loaderCache(): Promise<string> {
  const env = { ...process.env, PATH: [process.env.PATH, '/sbin', '/usr/sbin'].join(delimiter) }
  try {
    return (await promisify(execFile)('ldconfig', ['-p'], { env, timeout: 5000, maxBuffer: 2 ** 26 })).stdout
  } catch {
    return ''
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
