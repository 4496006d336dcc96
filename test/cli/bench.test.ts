import { describe, expect, test } from '@jest/globals'
import { readFile, writeFile } from 'node:fs/promises'
import { benchmark, ShapeError, type LayerInput } from '../../lib/index.js'
import { reportSchema } from '../../lib/cli/benchReport.js'
import { useTemporaryFolder } from '../temporaryFolder.js'
import { mlpconv } from './commandLine.js'

const folder = useTemporaryFolder()
const quick = ['--rounds', '1', '--seconds', '0.001', '--device', 'cpu']
const layer: LayerInput = { kind: 'conv2d', input: [2, 3, 5, 5], outChannels: 4, kernelSize: 3 }

test('a layer of one’s own: table, report, figure, and a verdict against an older report', async () => {
  const files = ['--out', folder('report.json'), '--figure', folder('layers.svg')]
  const { code, stdout } = await mlpconv(['bench', '--layer', JSON.stringify(layer), ...quick, ...files])
  expect(code).toBe(0)
  expect(stdout).toMatch(/time +quartiles +GFLOP\/s +GB\/s +parameters +memory\n/)
  const report = reportSchema.parse(JSON.parse(await readFile(folder('report.json'), 'utf8')))
  expect(report.rows.map(({ direction, flops, parameters }) => ({ direction, flops, parameters }))).toEqual([
    { direction: 'forward', flops: 2 * 2 * 4 * 9 * 27, parameters: 112 },
    // The gradients of x and of the weights.
    { direction: 'backward', flops: 2 * 2 * 2 * 4 * 9 * 27, parameters: 112 },
  ])
  expect(await readFile(folder('layers.svg'), 'utf8')).toMatch(/^<svg[^]*GFLOP\/s[^]*<\/svg>/)

  const slow = { ...report, rows: report.rows.map((row) => ({ ...row, seconds: [1e-9] })) }
  await writeFile(folder('fast.json'), JSON.stringify(slow))
  const args = ['bench', '--layer', JSON.stringify(layer), ...quick, '--baseline', folder('fast.json')]
  const judged = await mlpconv(args)
  expect(judged.stdout).toMatch(/\n2 slower\n$/)
  expect(judged.code).toBe(1)

  const bfloat16 = await mlpconv([...args, '--dtype', 'bfloat16'])
  expect(bfloat16.stderr).toBe('error: --baseline: the report is of --dtype float32, this run of bfloat16; use the same\n')
  expect(bfloat16.code).toBe(2)
  const another = await mlpconv(['bench', '--layer', '{"kind":"relu","input":[1,1,1,1]}', ...quick, '--baseline', folder('fast.json')])
  expect(another.stderr).toMatch(/^error: --baseline: the report has none of the layers of this run.*\n$/)
  expect(another.code).toBe(2)
})

test('names can be listed and filtered', async () => {
  const { stdout } = await mlpconv(['bench', '--list', '--filter', 'NiN', '--filter', 'forward', '--filter', '256'])
  expect(stdout.trim().split('\n')).toEqual([
    'NiN: 256 channels, 26x26, batch 64: 1x1 convolution, forward',
    'NiN: 256 channels, 26x26, batch 64: Linear on pixels, forward',
  ])
})

describe('one line on standard error for', () => {
  test.each([
    ['a filter that nothing passes', ['--filter', 'nothing'], 2, /no layer's name has nothing in it/],
    ['a layer that is no JSON', ['--layer', 'conv'], 2, /expected JSON such as/],
    ['a layer of no kind', ['--layer', '{"kind":"x"}'], 2, /kind/],
    ['a baseline that is none', ['--baseline', 'package.json'], 1, /package\.json is no report of mlpconv bench/],
  ])('%s', async (_, args, expected, message) => {
    const { code, stderr } = await mlpconv(['bench', ...quick, ...args])
    expect(code).toBe(expected)
    expect(stderr).toMatch(/^error: .*\n$/)
    expect(stderr).toMatch(message)
  })
})

const layers: LayerInput[] = [
  layer,
  { kind: 'linear', rows: 3, inFeatures: 4, outFeatures: 5 },
  { kind: 'maxPool2d', input: [2, 3, 7, 7], kernelSize: 3, stride: 2 },
  { kind: 'avgPool2d', input: [2, 3, 4, 4], kernelSize: 2, stride: 2 },
  { kind: 'relu', input: [2, 3, 4, 4] },
  { kind: 'dropout', input: [2, 3, 4, 4] },
]

test.each(layers)('the library times %j, forward and backward', async (one) => {
  for (const direction of ['forward', 'backward'] as const) {
    const { seconds, bytes, memory } = await benchmark(one, { direction, device: 'cpu', repeats: 2, seconds: 0 })
    expect(seconds).toHaveLength(2)
    expect(Math.min(...seconds)).toBeGreaterThan(0)
    expect(memory).toBeGreaterThanOrEqual(bytes)
  }
})

test('the library’s errors', async () => {
  const impossible: LayerInput = { kind: 'conv2d', input: [1, 1, 2, 2], outChannels: 1, kernelSize: 3 }
  await expect(benchmark(impossible)).rejects.toThrow(ShapeError)
  const signal = AbortSignal.abort(new Error('mine'))
  await expect(benchmark(layer, { device: 'cpu', signal })).rejects.toThrow('mine')
})
