import { describe, expect, test } from '@jest/globals'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { benchmark, ShapeError, type LayerInput } from '../../lib/index.js'
import { directionsOf } from '../../lib/bench/layer.js'
import { reportSchema } from '../../lib/cli/benchReport.js'
import { hasBfloat16 } from '../bfloat16.js'
import { useTemporaryFolder } from '../temporaryFolder.js'
import { mlpconv } from './commandLine.js'

const folder = useTemporaryFolder()
const quick = ['--rounds', '1', '--seconds', '0.001', '--device', 'cpu', '--no-peer']
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
  const list = async (...filters: readonly string[]): Promise<string[]> => {
    const { stdout } = await mlpconv(['bench', '--list', ...filters.flatMap((filter) => ['--filter', filter])])
    return stdout.trim().split('\n')
  }
  expect(await list('NiN', 'forward', '256')).toEqual([
    'NiN: 256 channels, 26x26, batch 64: 1x1 convolution, forward',
    'NiN: 256 channels, 26x26, batch 64: Linear on pixels, forward',
    'NiN: 256 channels, 10x10, batch 64: 1x1 convolution, forward',
    'NiN: 256 channels, 10x10, batch 64: Linear on pixels, forward',
    'NiN: 256 channels, 10x10, batch 64: flattened Linear, forward',
  ])
  expect(await list('loss and update')).toEqual([
    'NiN: loss and update, batch 64: softmax cross-entropy, forward',
    'NiN: loss and update, batch 64: softmax cross-entropy, backward',
    'NiN: loss and update, batch 64: SGD update, forward',
  ])
  expect(await list('flattened', '1x1, batch 1:', '128')).toHaveLength(2)
})

/** An interpreter that says that everything takes two seconds. */
async function fakePython(path: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, '#!/bin/sh\necho \'{"seconds":[2,2,2]}\'\n', { mode: 0o755 })
  return path
}

describe('PyTorch', () => {
  const args = ['bench', '--layer', JSON.stringify(layer), '--rounds', '2', '--seconds', '0', '--device', 'cpu']

  test('is beside where the peer is installed, and what is beside is said', async () => {
    await fakePython(folder('cache/peers-torch-2.9/bin/python'))
    const python = await fakePython(folder('cache/peers-torch-2.15/bin/python'))
    const env = { MLPCONV_CACHE: folder('cache') }
    const { stdout } = await mlpconv([...args, '--out', folder('beside.json')], { env })
    expect(stdout).toContain(`\nPyTorch beside, of ${python}\n`)
    expect(stdout).toMatch(/memory +PyTorch +ratio\n.* 2\.00 s +\d+\n/)
    const { rows } = reportSchema.parse(JSON.parse(await readFile(folder('beside.json'), 'utf8')))
    expect(rows.map(({ peerSeconds }) => peerSeconds)).toEqual([[2, 2], [2, 2]])
    expect(rows.map(({ seconds }) => seconds.length)).toEqual([2, 2])

    const without = await mlpconv([...args, '--no-peer'], { env })
    expect(without.stdout).not.toContain('PyTorch')
  })

  test('of an interpreter that has none is an error', async () => {
    await writeFile(folder('python'), '#!/bin/sh\necho no torch >&2; exit 1\n', { mode: 0o755 })
    const { code, stderr } = await mlpconv([...args, '--python', folder('python')])
    expect(stderr).toBe('error: a trial failed: no torch\n')
    expect(code).toBe(1)
  })
})

test('stopped, it reports the rounds that were whole, and exits with 130', async () => {
  // The peer’s third trial, which is in the second round, stops all and waits.
  const script = `#!/bin/sh
echo x >> ${folder('trials')}
if [ $(wc -l < ${folder('trials')}) -gt 2 ]; then kill -TERM $PPID; exec sleep 60; fi
echo '{"seconds":[2]}'
`
  await writeFile(folder('python'), script, { mode: 0o755 })
  const args = ['--layer', JSON.stringify(layer), '--rounds', '3', '--seconds', '0', '--device', 'cpu', '--python', folder('python')]
  const { code, stdout } = await mlpconv(['bench', ...args, '--out', folder('partial.json')])
  expect(stdout).toContain('\nStopped after 1 whole round of 3.\n')
  expect(code).toBe(130)
  const { rows } = reportSchema.parse(JSON.parse(await readFile(folder('partial.json'), 'utf8')))
  expect(rows.map(({ seconds, peerSeconds }) => [seconds.length, peerSeconds])).toEqual([
    [1, [2]],
    [1, [2]],
  ])
})

// A CPU with AVX-512 has bfloat16, and no error.
const testWithoutBfloat16 = hasBfloat16 ? test.skip : test
testWithoutBfloat16('a type that the device does not compute in is an error before any trial', async () => {
  const { code, stdout, stderr } = await mlpconv(['bench', ...quick, '--dtype', 'bfloat16'])
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toMatch(/^error: .*bfloat16 needs a CPU with AVX-512.*\n$/)
})

describe('one line on standard error for', () => {
  test.each([
    ['a type that there is not', ['--dtype', 'float16'], 2, /Allowed choices are float32, tfloat32, bfloat16/],
    ['a device that there is not', ['--device', 'gpu'], 2, /Expected auto, cpu, cuda or cuda:N/],
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
  { kind: 'crossEntropy', rows: 5, classes: 3 },
  { kind: 'sgd', parameters: 100 },
]

test.each(layers)('the library times %j, in each direction', async (one) => {
  for (const direction of directionsOf(one)) {
    const { seconds, bytes, memory } = await benchmark(one, { direction, device: 'cpu', repeats: 2, seconds: 0 })
    expect(seconds).toHaveLength(2)
    expect(Math.min(...seconds)).toBeGreaterThan(0)
    expect(memory).toBeGreaterThanOrEqual(one.kind === 'sgd' ? 3 * 4 * 100 : bytes)
  }
})

test('of an update, parameters and momentum are read and written', async () => {
  const { bytes, parameters } = await benchmark({ kind: 'sgd', parameters: 100 }, { device: 'cpu', repeats: 1, seconds: 0 })
  expect(parameters).toBe(100)
  expect(bytes).toBe(5 * 4 * 100 + 4 + 4 * 8)
})

test('the library’s errors', async () => {
  const impossible: LayerInput = { kind: 'conv2d', input: [1, 1, 2, 2], outChannels: 1, kernelSize: 3 }
  await expect(benchmark(impossible)).rejects.toThrow(ShapeError)
  const update: LayerInput = { kind: 'sgd', parameters: 1 }
  await expect(benchmark(update, { direction: 'backward' })).rejects.toThrow('sgd has no backward')
  const signal = AbortSignal.abort(new Error('mine'))
  await expect(benchmark(layer, { device: 'cpu', signal })).rejects.toThrow('mine')
})
