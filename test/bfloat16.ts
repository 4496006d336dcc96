/**
 * Which tests of bfloat16 run: oneDNN's kernels for it need AVX-512, which CPUs with AMX have. Elsewhere they are left out, and unit/bfloat16.test.ts
 * checks that the library says so.
 */
import { test } from '@jest/globals'
import { loadAddon } from '../lib/native/load.js'

export type Floating = 'float32' | 'bfloat16'

/** Whether this CPU, as oneDNN may use it, has what bfloat16 needs. */
export const hasBfloat16 = /^(AVX-512|AMX)/.test(String(loadAddon('onednn', []).info()['instructionSet']))

/** The types that this CPU computes in. */
export const floatingTypes: readonly Floating[] = hasBfloat16 ? ['float32', 'bfloat16'] : ['float32']

/** `test`, of what needs bfloat16. */
export const testBfloat16 = hasBfloat16 ? test : test.skip
