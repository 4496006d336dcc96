/** The peers' Python environment: made on request, in the cache folder. */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder, writeWhole } from '../../scripts/cache.mjs'

const packages = ['torch==2.15.0', 'numpy==2.4.6']

function folder(): string {
  return join(cacheFolder(), 'peers-torch-2.15')
}

/** The interpreter that has PyTorch; undefined if it was not installed. */
export function findPeers(): string | undefined {
  const python = join(folder(), 'bin', 'python')
  return existsSync(python) ? python : undefined
}

/** Makes the environment with pip, about 3 GB; returns its interpreter, the one thing in it that may be moved. */
export async function installPeers(): Promise<string> {
  const found = findPeers()
  if (found !== undefined) return found
  await writeWhole(folder(), (temporary) => {
    execFileSync('python3', ['-m', 'venv', '--copies', temporary], { stdio: 'inherit' })
    execFileSync(join(temporary, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', ...packages], { stdio: 'inherit' })
    return Promise.resolve()
  })
  return join(folder(), 'bin', 'python')
}
