/** Fashion-MNIST for the peers: its four files, unpacked, in one folder. */
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { loadFashionMnist } from '../scripts/fashion-mnist.mjs'
import type { Context } from './context.js'

/** Where the files are once they are written. */
export function fashionMnistFolder({ folder }: Context): string {
  return join(folder, 'fashion-mnist')
}

/** Writes the files, unless they are there. */
export async function writeFashionMnist(context: Context): Promise<void> {
  const folder = fashionMnistFolder(context)
  if (existsSync(folder)) return
  await mkdir(folder)
  for (const [name, bytes] of Object.entries(await loadFashionMnist())) await writeFile(join(folder, name), bytes)
}
