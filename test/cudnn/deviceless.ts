/** Kernels that the real cuDNN makes for GPUs that are not there. */
import { execFile, spawn } from 'node:child_process'
import { mkdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { KernelDescription } from '../../lib/native/binding.js'
import { addonPath } from '../../lib/native/load.js'

const here = dirname(fileURLToPath(import.meta.url))

/** The GPUs whose properties are in devices/. */
export const architectures = ['sm_80', 'sm_90', 'sm_100'] as const

export type Architecture = (typeof architectures)[number]

/** A kernel that was made, or why it was not. */
export type Made = { readonly implementation: string; readonly workspaceBytes: number } | { readonly error: string }

/** Compiles the libcuda.so.1 that cuDNN finds on a machine without a driver. Returns its folder. */
export async function buildLibcuda(): Promise<string> {
  const folder = join(dirname(dirname(addonPath('cudnn'))), 'deviceless')
  await mkdir(folder, { recursive: true })
  const target = join(folder, 'libcuda.so.1')
  const flags = ['-std=c++20', '-O1', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC']
  await promisify(execFile)(process.env['CXX'] ?? 'g++', [...flags, join(here, 'libcuda.cc'), '-o', target])
  return folder
}

/** Has a process of its own make the kernels, since a library path holds from a process's start. */
export async function createKernels(
  libcuda: string,
  architecture: Architecture,
  kernels: readonly KernelDescription[],
): Promise<Made[]> {
  const properties = await readFile(join(here, 'devices', `${architecture}.json`), 'utf8')
  const path = [libcuda, process.env['LD_LIBRARY_PATH']].filter((folder) => folder).join(':')
  const child = spawn(process.execPath, [join(here, 'createKernels.mjs')], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, LD_LIBRARY_PATH: path },
  })
  child.stdin.end(JSON.stringify({ addon: addonPath('cudnn'), properties, kernels }))
  const [output, code] = await Promise.all([
    text(child.stdout),
    new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve)),
  ])
  if (code !== 0) throw new Error(`createKernels.mjs exited with ${code}: ${output}`)
  return JSON.parse(output) as Made[]
}
