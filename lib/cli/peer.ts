/** The peer that layers are timed beside: PyTorch. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheFolder } from '../../scripts/cache.mjs'

/**
 * The interpreter of the newest environment with PyTorch that `npm run bench -- --install-peers` has made; undefined if it
 * has made none.
 */
export async function findPeer(): Promise<string | undefined> {
  const folders = (await readdir(cacheFolder()).catch(() => [])).filter((name) => name.startsWith('peers-torch-'))
  const [newest] = folders.sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
  return newest === undefined ? undefined : join(cacheFolder(), newest, 'bin', 'python')
}
