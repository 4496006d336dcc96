/**
 * Shows what nvcc made of our kernels: for each, registers, spills, and how wide it reads and writes the GPU's memory.
 *
 *     npm run build:cuda && node scripts/sass.mjs [sm_90 ...]
 *
 * prints a table in Markdown per architecture. The disassembler is fetched into the cache (5 MB, hash-checked).
 */
import { existsSync } from 'node:fs'
import { chmod, mkdir, readdir, rename } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cacheFolder, writeWhole } from './cache.mjs'
import { SetupError, run } from './process.mjs'
import { printError } from './setup.mjs'
import { unpackWheels } from './wheels.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const version = '13.5.37'
const tools = join(cacheFolder(), `cuda-disassembler-${version}`)
const wheels = [
  { name: 'nvidia-cuda-cuobjdump', version, hash: '38780fee50863252a0b8926357faa91615ca1c8346490563f33a06100cd73f58' },
  { name: 'nvidia-cuda-nvdisasm', version, hash: 'd3fdbdd49fa53e2e4aacd3db8259d052bd2b049ececdcb69e92e083c6728e7ca' },
]

async function fetchTools() {
  if (existsSync(tools)) return
  await writeWhole(tools, async (folder) => {
    await mkdir(folder, { recursive: true })
    await unpackWheels(wheels, folder, {
      advice: 'only this look at the kernels needs it',
      keep: async (unpacked) => {
        const bin = join(unpacked, 'nvidia', 'cu13', 'bin')
        for (const name of await readdir(bin)) {
          await rename(join(bin, name), join(folder, name))
          await chmod(join(folder, name), 0o755)
        }
      },
    })
  })
}

/** The fat binary, somewhere in the build's folders. */
async function findFatbin() {
  const folder = join(root, 'build', 'cuda')
  const names = existsSync(folder) ? await readdir(folder, { recursive: true }) : []
  const name = names.find((each) => each.endsWith('kernels.fatbin'))
  if (!name) throw new SetupError('the kernels are not built: npm run build:cuda')
  return join(folder, name)
}

/** @param {readonly string[]} args */
function cuobjdump(args) {
  const env = { ...process.env, PATH: [tools, process.env.PATH].join(delimiter) }
  return run(join(tools, 'cuobjdump'), args, { env })
}

/**
 * How often each width occurs: "2x128 1x32".
 * @param {string} code
 * @param {RegExp} instruction with the width's bits as its first group; none means 32
 */
function widths(code, instruction) {
  /** @type {Map<number, number>} */
  const counts = new Map()
  for (const [, suffix = '32'] of code.matchAll(instruction)) {
    const bits = Number(/\d+/.exec(suffix)?.[0] ?? 32)
    counts.set(bits, (counts.get(bits) ?? 0) + 1)
  }
  const sorted = [...counts].sort(([a], [b]) => b - a)
  return sorted.map(([bits, count]) => `${count}x${bits}`).join(' ') || '-'
}

/**
 * @param {string} fatbin
 * @param {string} architecture
 */
async function table(fatbin, architecture) {
  const usage = await cuobjdump(['--dump-resource-usage', '-arch', architecture, fatbin])
  const registers = new Map([...usage.matchAll(/Function (\w+):\s+REG:(\d+) STACK:(\d+)/g)].map((m) => [m[1], m.slice(2)]))
  const code = await cuobjdump(['-sass', '-arch', architecture, fatbin])
  const rows = code.split(/Function : /).slice(1).map((text) => {
    const name = text.split(/\s/, 1)[0] ?? ''
    const [count, stack] = registers.get(name) ?? []
    const spills = (text.match(/\b(STL|LDL)\b/g) ?? []).length
    const loads = widths(text, /\bLDG\.E((?:\.[A-Z]?\d+)?)\b/g)
    const stores = widths(text, /\bSTG\.E((?:\.[A-Z]?\d+)?)\b/g)
    return `| ${[name, count, stack, spills, loads, stores].join(' | ')} |`
  })
  const header = ['| kernel | registers | stack bytes | STL, LDL | loads (count x bits) | stores |', '|---|---|---|---|---|---|']
  return [`\n## ${architecture}\n`, ...header, ...rows.sort()].join('\n')
}

try {
  await fetchTools()
  const fatbin = await findFatbin()
  const architectures = process.argv.length > 2 ? process.argv.slice(2) : ['sm_80', 'sm_90', 'sm_100']
  for (const architecture of architectures) console.log(await table(fatbin, architecture))
} catch (error) {
  printError(error)
  process.exitCode = 1
}
