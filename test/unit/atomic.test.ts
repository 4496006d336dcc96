import { describe, expect, test } from '@jest/globals'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readFile, readdir, stat, symlink, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { writeFileAtomic } from '../../lib/checkpoint/atomic.js'
import { CheckpointError } from '../../lib/errors.js'
import { useTemporaryFolder } from '../temporaryFolder.js'

const path = useTemporaryFolder()
const cacheModule = fileURLToPath(new URL('../../scripts/cache.mjs', import.meta.url))

describe('writeFileAtomic', () => {
  test('writes, replaces, and makes the folder', async () => {
    const file = path('new', 'folder', 'x')
    await writeFileAtomic(file, Uint8Array.of(1, 2, 3))
    expect([...(await readFile(file))]).toEqual([1, 2, 3])
    await writeFileAtomic(file, 'text')
    expect(await readFile(file, 'utf8')).toBe('text')
    expect(await readdir(path('new', 'folder'))).toEqual(['x'])
  })

  test('writes side by side, and the file is always one of them', async () => {
    const texts = Array.from({ length: 20 }, (_, i) => String(i).repeat(10_000))
    await Promise.all(texts.map((text) => writeFileAtomic(path('x'), text)))
    expect(texts).toContain(await readFile(path('x'), 'utf8'))
    expect(await readdir(path())).toEqual(['x'])
  })

  test('does not write through a file that is shared by a link', async () => {
    await writeFile(path('old'), 'old')
    await symlink(path('old'), path('x'))
    await writeFileAtomic(path('x'), 'new')
    expect(await readFile(path('old'), 'utf8')).toBe('old')
    expect(await readFile(path('x'), 'utf8')).toBe('new')
  })

  test.each([
    ['a file in place of a folder', 'file/x', /file\/x cannot be written: .*expected a folder/],
    ['a folder in place of the file', 'folder', /folder cannot be written: it is a folder/],
    ['a name that is too long', 'n'.repeat(300), /cannot be written: the name is too long/],
  ])('refuses %s', async (_, name, message) => {
    await writeFile(path('file'), 'old')
    await mkdir(path('folder', 'below'), { recursive: true })
    const before = await readdir(path(), { recursive: true })
    await expect(writeFileAtomic(path(name), 'new')).rejects.toThrow(CheckpointError)
    await expect(writeFileAtomic(path(name), 'new')).rejects.toThrow(message)
    expect(await readdir(path(), { recursive: true })).toEqual(before)
  })

  test('refuses a folder that cannot be written', async () => {
    // Permissions do not stop root, /proc does.
    const folder = process.getuid?.() === 0 ? '/proc' : path('locked')
    if (folder === path('locked')) await mkdir(folder).then(() => chmod(folder, 0o555))
    await expect(writeFileAtomic(`${folder}/x`, 'new')).rejects.toThrow(CheckpointError)
    await expect(writeFileAtomic(`${folder}/x`, 'new')).rejects.toThrow(
      /x cannot be written: .*(no such file|permission)/,
    )
    await expect(stat(`${folder}/x`)).rejects.toThrow('ENOENT')
  })
})

describe('a write that does not come to its end', () => {
  const write = (bytes: string): string[] => [
    '--input-type=module',
    '-e',
    `import { writeFile } from 'node:fs/promises'
     import { writeWhole } from ${JSON.stringify(cacheModule)}
     await writeWhole(${JSON.stringify(path('x'))}, (temporary) => ${bytes})`,
  ]

  test('because there is no more room leaves the old file and nothing else', async () => {
    await writeFile(path('x'), 'old')
    const script = 'ulimit -f 1; exec "$@"'
    const args = ['-c', script, 'bash', process.execPath, ...write('writeFile(temporary, Buffer.alloc(1e6))')]
    await expect(promisify(execFile)('bash', args)).rejects.toThrow('EFBIG')
    expect(await readFile(path('x'), 'utf8')).toBe('old')
    expect(await readdir(path())).toEqual(['x'])
  })

  test('because the process was killed leaves the old file, and the next write clears up', async () => {
    await writeFile(path('x'), 'old')
    const hang = `writeFile(temporary, 'half').then(() => {
      console.log('half')
      return new Promise((resolve) => setTimeout(resolve, 1e6))
    })`
    const child = spawn(process.execPath, write(hang), { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    child.kill('SIGKILL')
    await once(child, 'close')
    expect(await readFile(path('x'), 'utf8')).toBe('old')
    expect(await readdir(path())).toHaveLength(2)
    await writeFileAtomic(path('y'), 'new')
    expect(await readdir(path())).toEqual(['x', 'y'])
  })

  test('of a process that lives, or of another machine, is not touched', async () => {
    const names = [`.x.${hostname().replaceAll('.', '-')}.${process.pid}.0.partial`, '.x.elsewhere.999999999.0.partial']
    for (const name of names) await writeFile(path(name), 'half')
    await writeFileAtomic(path('y'), 'new')
    expect((await readdir(path())).sort()).toEqual([...names, 'y'].sort())
  })
})
