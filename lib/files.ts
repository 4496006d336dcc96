/** Reading and writing whole files, with errors that say what to do. */
import { mkdir, mkdtemp, readFile, rmdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { writeWhole } from '../scripts/cache.mjs'
import type { MlpconvError } from './errors.js'

/** The class of the error that is thrown. */
type ErrorClass = new (message: string, options?: ErrorOptions) => MlpconvError

/** What the usual codes of file system errors mean, and what to do about them. */
const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder; check the path',
  EACCES: 'permission denied; choose another folder or change its permissions',
  EPERM: 'permission denied; choose another folder or change its permissions',
  EROFS: 'the file system is read-only; choose another folder',
  ENOSPC: 'the disk is full; free some space or choose another disk',
  EDQUOT: 'the disk quota is used up; free some space or choose another disk',
  EISDIR: 'it is a folder, expected a file',
  ENOTDIR: 'a part of the path is a file, expected a folder',
  EEXIST: 'a part of the path is a file, expected a folder',
  ENAMETOOLONG: 'the name is too long',
  ERR_FS_FILE_TOO_LARGE: 'it is larger than 2 GiB',
}

function reason(error: unknown): string {
  const { code = '', message = String(error) } = error as Partial<NodeJS.ErrnoException>
  return reasons[code] ?? message
}

/**
 * The bytes of a file.
 *
 * @param what what it is for the error's message, such as `an IDX file`
 * @throws `errorClass` if it cannot be read
 */
export async function readBytes(path: string, what: string, errorClass: ErrorClass): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (error) {
    throw new errorClass(`${path}: expected ${what} that can be read; ${reason(error)}`, { cause: error })
  }
}

/**
 * Writes a file whole or not at all: under a temporary name in the same folder (made if it is missing), synced, then
 * renamed. What stood at `path` before is there until then, and still there if it fails.
 *
 * @throws `errorClass` if it cannot be written; the temporary file is removed
 */
export async function writeBytesAtomic(path: string, data: Uint8Array | string, errorClass: ErrorClass): Promise<void> {
  try {
    await makeFolder(dirname(path))
    await writeWhole(path, (temporary) => writeFile(temporary, data))
  } catch (error) {
    throw new errorClass(`${path} cannot be written: ${reason(error)}`, { cause: error })
  }
}

/**
 * Makes a folder if it is missing, and makes sure that files can be written in it.
 *
 * @throws `errorClass` if they cannot
 */
export async function requireWritableFolder(path: string, errorClass: ErrorClass): Promise<void> {
  try {
    await makeFolder(path)
    await rmdir(await mkdtemp(join(path, '.probe-')))
  } catch (error) {
    throw new errorClass(`${path}: expected a folder that files can be written to; ${reason(error)}`, { cause: error })
  }
}

/** Not mkdir's `recursive`: it never ends where the system does not let anything be made, such as in /proc. */
async function makeFolder(path: string, isParentThere = false): Promise<void> {
  try {
    await mkdir(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return
    if (code !== 'ENOENT' || isParentThere) throw error
    await makeFolder(dirname(path))
    await makeFolder(path, true)
  }
}
