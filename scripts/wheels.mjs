/** Libraries that Python's package index has and npm's has not: wheels, fetched by pip, whose content is pinned. */
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { sha256 } from './cache.mjs'
import { SetupError, run } from './process.mjs'

const python = 'python3'

/** What pip is told, so that it takes the same files whatever Python runs it. */
const platforms = ['manylinux_2_28', 'manylinux_2_27', 'manylinux2014', 'manylinux_2_17', 'manylinux2010', 'manylinux1']
const target = [
  ...['--only-binary=:all:', '--implementation=cp', '--python-version=3.11', '--abi=cp311', '--abi=none'],
  ...platforms.map((platform) => `--platform=${platform}_x86_64`),
]

/**
 * @typedef {object} Wheel
 * @property {string} name
 * @property {string} version
 * @property {string} hash SHA-256 of the file
 */

/**
 * Downloads wheels to a folder within `root`, checks each and unpacks it, and removes them again. Throws a SetupError
 * if one cannot be had or is another than expected.
 * @param {readonly Wheel[]} wheels
 * @param {string} root
 * @param {object} options
 * @param {(unpacked: string, wheel: Wheel) => Promise<void>} options.keep moves what is needed out of where it was unpacked
 * @param {string} options.advice what else can be done if pip cannot download them
 * @param {NodeJS.ProcessEnv} [options.env]
 */
export async function unpackWheels(wheels, root, { keep, advice, env = process.env }) {
  const downloads = join(root, 'downloads')
  await mkdir(downloads, { recursive: true })
  const requirements = wheels.map(({ name, version }) => `${name}==${version}`)
  try {
    const options = ['--no-deps', '--no-cache-dir', ...target, '--dest', downloads]
    await run(python, ['-m', 'pip', 'download', ...options, ...requirements], { env })
  } catch (error) {
    const { output } = /** @type {SetupError} */ (error)
    throw new SetupError(`pip could not download ${requirements.join(', ')} (is this machine online?); ${advice}`, output)
  }
  const files = await readdir(downloads)
  for (const wheel of wheels) {
    const { name, version, hash } = wheel
    const file = files.find((candidate) => candidate.startsWith(`${name.replaceAll('-', '_')}-${version}-`))
    if (!file) throw new SetupError(`pip left no wheel of ${name}`)
    const path = join(downloads, file)
    const actual = await sha256(path)
    if (actual !== hash) {
      throw new SetupError(`${file} is not the expected file: expected SHA-256 ${hash}, received ${actual}`)
    }
    const unpacked = join(downloads, name)
    await run(python, ['-m', 'zipfile', '-e', path, unpacked])
    await keep(unpacked, wheel)
  }
  await rm(downloads, { recursive: true })
}
