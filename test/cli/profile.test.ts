import { describe, expect, test } from '@jest/globals'
import { readFile } from 'node:fs/promises'
import type { ProfileReport } from '../../lib/cli/profileReport.js'
import { data, NiN, OptionError, profile } from '../../lib/index.js'
import { useTemporaryFolder } from '../temporaryFolder.js'
import { mlpconv, smallestSize } from './commandLine.js'

const folder = useTemporaryFolder()
const quick = ['--resize', String(smallestSize), '--batch-size', '4', '--micro-batch', '2', '--steps', '2', '--device', 'cpu']

async function profileJson(...args: readonly string[]): Promise<ProfileReport> {
  const { code, stdout } = await mlpconv(['profile', ...quick, '--json', ...args])
  expect(code).toBe(0)
  return JSON.parse(stdout) as ProfileReport
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)

test('every kernel of a training step, with what it computes, reads and writes', async () => {
  const { rows, seconds, peaks, batchSize, microBatch, steps } = await profileJson()
  expect({ batchSize, microBatch, steps }).toEqual({ batchSize: 4, microBatch: 2, steps: 2 })
  expect(Math.min(seconds, peaks!.flops, peaks!.bandwidth, ...rows.map((row) => row.seconds))).toBeGreaterThan(0)
  const ops = rows.map(({ op }) => op)
  expect(ops).toEqual(expect.arrayContaining(['gatherImages', 'conv2d', 'conv2dBackwardWeights', 'maxPool2d', 'sgd']))
  expect(rows.find(({ layer }) => layer === '0.2 Conv2d')?.implementation).not.toBe('')

  const { totals } = await new NiN().summary([4, 1, smallestSize, smallestSize], { device: 'cpu', microBatch: 2 })
  expect(sum(rows.map(({ flops }) => flops))).toBe(totals.train!.flops)
  const x = 4 * smallestSize ** 2 * 4
  const labels = 4 * 4
  expect(rows.find(({ op }) => op === 'gatherImages')!.bytes).toBe(4 * 28 * 28 + x + 3 * labels)
})

test('a step of evaluation is forward only', async () => {
  const { rows, work } = await profileJson('--inference')
  expect(work).toMatch(/^evaluation step of NiN d2l/)
  expect(rows.filter(({ op }) => /Backward|sgd/.test(op))).toEqual([])
  expect(rows.map(({ op }) => op)).toContain('softmaxCrossEntropy')
})

test('a table and a figure', async () => {
  const { code, stdout } = await mlpconv(['profile', ...quick, '--figure', folder('roofline.svg')])
  expect(code).toBe(0)
  expect(stdout).toMatch(/^training step of NiN d2l, 4 images of 1x67x67, 2 at a time: the median of 2 steps$/m)
  expect(stdout).toMatch(/^layer +op +implementation +time +share +GFLOP\/s +of peak +MB +GB\/s +of peak$/m)
  expect(stdout).toMatch(/^between kernels /m)
  expect(await readFile(folder('roofline.svg'), 'utf8')).toMatch(/^<svg[^]*arithmetic intensity[^]*<\/svg>/)
})

describe('the library', () => {
  const set = data.fromArrays({ images: new Uint8Array(4 * 28 * 28), shape: [4, 28, 28], labels: [0, 1, 2, 9], resize: smallestSize })

  test('leaves the parameters as they are', async () => {
    const net = new NiN()
    const before = await net.stateDict()
    const steps: number[] = []
    const { nodes } = await profile(net, set, { device: 'cpu', batchSize: 2, steps: 2, onProgress: (done) => steps.push(done) })
    expect(steps).toEqual([1, 2])
    expect(nodes.every(({ seconds }) => seconds.length === 2)).toBe(true)
    expect(await net.stateDict()).toEqual(before)
  })

  test('has errors', async () => {
    const net = new NiN()
    await expect(profile(net, set, { batchSize: 5, device: 'cpu' })).rejects.toThrow("at most the data set's 4 samples")
    await expect(profile(net, set, { steps: 0 })).rejects.toThrow(OptionError)
    await expect(profile(net, set, { step: 1 } as never)).rejects.toThrow('there is no option step')
    const signal = AbortSignal.abort(new Error('mine'))
    await expect(profile(net, set, { device: 'cpu', signal })).rejects.toThrow('mine')
  })
})
