/** `npm run verify:gpu` on a machine without a GPU. */
import { expect, test } from '@jest/globals'
import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { hasNvidiaGpu } from '../../scripts/setup.mjs'
import { useBareMachine } from '../bareMachine.js'

const machine = useBareMachine()
const root = fileURLToPath(new URL('../..', import.meta.url))

// Where there is a GPU it would not refuse, but verify it for minutes.
const testWithoutGpu = hasNvidiaGpu() ? test.skip : test

testWithoutGpu('it refuses before anything is fetched, leaves the report as it is, and says what to do', async () => {
  const report = join(root, 'docs', 'gpu-report.md')
  const before = await stat(report).catch(() => undefined)
  const { status, stdout, stderr } = machine.run(join(root, 'scripts', 'verify-gpu.mjs'), [])
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
  expect(stderr).toMatch(/^no NVIDIA GPU can be used here, so nothing is verified and docs\/gpu-report\.md is left as it is/)
  expect(stderr).toMatch(/`mlpconv doctor` says what is missing, and `npm run bundle` packs all of this.*\n$/)
  expect(existsSync(machine.path('cache'))).toBe(false)
  expect((await stat(report).catch(() => undefined))?.mtimeMs).toBe(before?.mtimeMs)
})
