import { spawn } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeIdx } from '../../lib/data/idx.js'

const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

/** What a program came to. */
export interface Result {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** How a program is run. */
export interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** Called with all that has been printed so far, whenever something is. */
  readonly onOutput?: (output: string, kill: (signal: NodeJS.Signals) => void) => void
}

/** Runs `mlpconv`, as it was built, as a child process. */
export function mlpconv(args: readonly string[], { cwd, env, onOutput }: RunOptions = {}): Promise<Result> {
  const child = spawn(process.execPath, [program, ...args], { cwd, env: { ...process.env, ...env } })
  let [stdout, stderr] = ['', '']
  const tell = (): void => onOutput?.(stdout + stderr, (signal) => void child.kill(signal))
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    tell()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    tell()
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      resolve({ code, stdout, stderr })
    })
  })
}

/** A line of JSON each. */
export function parseLines(text: string): unknown[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line): unknown => JSON.parse(line))
}

/** The smallest height and width that NiN takes. */
export const smallestSize = 67
/** The classes of the synthetic data set. */
export const classCount = 3

const side = 28

/** Images of a bright bar, whose place is the class, on dark noise: [count, 28, 28], with their labels. */
function makeImages(count: number): { images: Uint8Array; labels: Uint8Array } {
  const images = new Uint8Array(count * side * side)
  const labels = Uint8Array.from({ length: count }, (_, i) => i % classCount)
  labels.forEach((label, i) => {
    for (let pixel = 0; pixel < side * side; pixel++) {
      const isBar = Math.floor(((pixel % side) * classCount) / side) === label
      images[i * side * side + pixel] = (isBar ? 180 : 0) + ((pixel * 7 + i * 13) % 64)
    }
  })
  return { images, labels }
}

/** Writes a small data set: the four IDX files. Returns the folder. */
export async function writeDataset(folder: string, counts = { train: 48, t10k: 20 }): Promise<string> {
  await mkdir(folder, { recursive: true })
  for (const [prefix, count] of Object.entries(counts)) {
    const { images, labels } = makeImages(count)
    const path = (name: string): string => join(folder, `${prefix}-${name}`)
    await writeIdx(path('images-idx3-ubyte.gz'), { dtype: 'uint8', shape: [count, side, side], data: images })
    await writeIdx(path('labels-idx1-ubyte'), { dtype: 'uint8', shape: [count], data: labels })
  }
  return folder
}
