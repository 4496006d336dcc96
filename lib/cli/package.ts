/** This package. */
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

/** Its version. */
export const { version } = require('../../package.json') as { readonly version: string }
