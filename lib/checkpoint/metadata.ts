/** Structured texts of a safetensors file's metadata. */
import type { z } from 'zod'
import { CheckpointError } from '../errors.js'

/**
 * What a metadata text says, checked.
 *
 * @param path the file, for errors
 * @param what what the text is, for errors, such as `the training progress`
 * @throws CheckpointError if it is not JSON or does not fit the schema
 */
export function parseMetadata<T>(path: string, what: string, text: string, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(parseJson(text))
  if (parsed.success) return parsed.data
  const issues = parsed.error.issues.map(({ path: keys, message }) => [...keys, message].map(String).join(': '))
  throw new CheckpointError(`${path}: ${what} is damaged (${issues.join('; ')}); use another checkpoint`)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
