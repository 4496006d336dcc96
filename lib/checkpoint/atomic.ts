import { CheckpointError } from '../errors.js'
import { writeBytesAtomic } from '../files.js'

/**
 * Writes a file whole or not at all: under a temporary name in the same folder, synced, then renamed, so that the last
 * good checkpoint stays until the new one is on the disk.
 *
 * @throws CheckpointError if it cannot be written (an unwritable folder, a full disk); the temporary file is removed
 */
export async function writeFileAtomic(path: string, data: Uint8Array | string): Promise<void> {
  await writeBytesAtomic(path, data, CheckpointError)
}
