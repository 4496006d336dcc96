/** This package. */
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)

/** Its version. */
export const { version } = require('../../package.json') as { readonly version: string }

/** Its folder: two up, from lib/cli as from dist/cli. */
export const packageRoot = fileURLToPath(new URL('../..', import.meta.url))
