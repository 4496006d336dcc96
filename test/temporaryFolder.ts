import { afterEach, beforeEach } from '@jest/globals'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Gives each test of a file an empty folder. Returns a function that joins names to its path. */
export function useTemporaryFolder(): (...names: string[]) => string {
  let folder = ''
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mlpconv-test-'))
  })
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true })
  })
  return (...names) => join(folder, ...names)
}
