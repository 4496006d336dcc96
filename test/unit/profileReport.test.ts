/** What `mlpconv profile` says, of made-up times. */
import { expect, test } from '@jest/globals'
import type { StepProfile } from '../../lib/bench/profile.js'
import { formatProfile, toReport } from '../../lib/cli/profileReport.js'
import { renderRoofline } from '../../lib/cli/roofline.js'

const step: StepProfile = {
  batchSize: 64,
  microBatch: 8,
  nodes: [
    { scope: '0.2', op: 'conv2d', implementation: 'jit:avx2', stage: 'body', seconds: [0.02, 0.01, 0.03], flops: 2e9, bytes: 1e8 },
    { scope: '', op: 'sgd', implementation: '', stage: 'epilogue', seconds: [0.001, 0.001, 0.001], flops: 0, bytes: 4e6 },
  ],
  seconds: [0.025, 0.012, 0.032],
  peaks: { flops: 2e11, bandwidth: 1e10 },
}
const facts = { mlpconv: '0', machine: 'a CPU', device: 'cpu', dtype: 'float32', work: 'training step' }
const report = toReport(step, facts, (scope) => (scope === '' ? '' : `${scope} Conv2d`))

test('times are medians over the steps, shares those of the whole step', () => {
  expect(report).toMatchObject({ steps: 3, seconds: 0.025, batchSize: 64, microBatch: 8 })
  expect(report.secondsBetweenKernels).toBeCloseTo(0.001)
  expect(report.rows[0]).toMatchObject({ layer: '0.2 Conv2d', seconds: 0.02, flops: 2e9, bytes: 1e8 })
  expect(report.rows[0]!.share).toBeCloseTo(0.8)
})

test('a line per node, with its rates as shares of the peaks', () => {
  const lines = formatProfile(report).split('\n').map((line) => line.trim().split(/ {2,}/))
  expect(lines).toEqual([
    ['layer', 'op', 'implementation', 'time', 'share', 'GFLOP/s', 'of peak', 'MB', 'GB/s', 'of peak'],
    ['0.2 Conv2d', 'conv2d', 'jit:avx2', '20.0 ms', '80 %', '100', '50 %', '100', '5.00', '50 %'],
    ['sgd', '1.00 ms', '4.0 %', '4.00', '4.00', '40 %'],
    ['between kernels', '1.00 ms', '4.0 %'],
    ['step', '2560 images/s', '25.0 ms', '100 %', '80.0', '40 %', '104', '4.16', '42 %'],
  ])
})

test('without peaks there are no shares of them', () => {
  const { peaks, ...others } = step
  expect(peaks).toBeDefined()
  const table = formatProfile(toReport({ ...others, peaks: undefined }, facts, String))
  expect(table).not.toContain('of peak')
  expect(table.split('\n')[1]).toMatch(/80 % +100 +100 +5\.00$/)
})

test('the roofline has the roof, a point per node with FLOPs, and the others below', async () => {
  const svg = await renderRoofline({ ...report, peaks: step.peaks! })
  expect(svg).toMatch(/^<svg/)
  for (const text of ['200 GFLOP/s', '10.0 GB/s', 'conv2d', 'sgd', '0.2']) expect(svg).toContain(text)
})
