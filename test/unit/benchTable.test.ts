import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { benchmarksOf } from '../../bench/benchmarks.js'
import type { Context } from '../../bench/context.js'
import { requireSameLogits } from '../../bench/inference.js'
import { findPeers, missingPackages, peerVersions } from '../../bench/peers/environment.js'
import { best, formatTable, formatTarget, isMet, measuredRow, rowSchema, type Sample, unmeasuredRow } from '../../bench/report.js'
import { type Contestant, linesOf, type Played, runBenchmark, toRows } from '../../bench/runner.js'
import { type Line, lines } from '../../bench/targets.js'

const speed: Line = { name: 'step', unit: 'img/s', better: 'higher', target: { of: 'ratio', value: 2 } }
const memory: Line = { name: 'memory', unit: 'MB', better: 'lower', target: { of: 'ratio', value: 0.25 } }
const delay: Line = { name: 'delay', unit: 'ms', better: 'lower', target: { of: 'ours', value: 10 } }
const keys = { step: 'imagesPerSecond', memory: 'megabytes', delay: 'milliseconds' }
const three = [speed, memory, delay] as const

const context: Context = {
  device: 'cpu',
  threads: 1,
  tiny: true,
  repeats: 1,
  features: ['avx2'],
  peers: {},
  folder: 'nowhere',
}

describe('a target', () => {
  test.each([
    ['higher', 2, true],
    ['higher', 1.99, false],
    ['lower', 2, true],
    ['lower', 2.01, false],
  ] as const)('of which %s is better is 2; %d: %p', (better, value, met) => {
    expect(isMet(value, 2, better)).toBe(met)
  })

  test('is written as people read it', () => {
    expect([speed, memory, delay].map(formatTarget)).toEqual(['>= 2x', '<= 0.25x', '<= 10 ms'])
    expect(formatTarget({ better: 'lower', unit: 'ms' })).toBe('')
  })
})

describe('a row', () => {
  test('has the median of the rounds’ own ratios, and their spread', () => {
    const row = measuredRow(speed, [300, 100, 200], { name: 'PyTorch eager', values: [100, 100, 50] })
    const { name, unit, better, target } = speed
    const numbers = { ours: 200, peer: 100, peerName: 'PyTorch eager', ratio: 3, spread: [2, 3.5], rounds: 3, met: true }
    expect(row).toEqual({ name, unit, better, target, ...numbers })
  })

  test('is judged by ours where the target is of ours, also without a peer', () => {
    expect(measuredRow(delay, [9, 11, 12])).toMatchObject({ ours: 11, spread: [10, 11.5], met: false })
    expect(measuredRow(delay, [9], { name: 'peer', values: [1] })).toMatchObject({ ratio: 9, met: true })
  })

  test('is not judged where its number or its target is missing', () => {
    expect(measuredRow(speed, [100])).not.toHaveProperty('met')
    expect(measuredRow({ name: 'step', unit: 'img/s', better: 'higher' }, [100], { name: 'peer', values: [1] })).not.toHaveProperty('met')
  })

  test('fits its schema, as do those that say why there is none', () => {
    const rows = [
      measuredRow(speed, [1], { name: 'peer', values: [2] }),
      measuredRow(delay, [1]),
      unmeasuredRow(speed, { skipped: 'no peer' }),
      unmeasuredRow(speed, { failed: 'out of memory' }),
    ]
    for (const row of rows) expect(rowSchema.parse(JSON.parse(JSON.stringify(row)))).toEqual(row)
    expect(() => rowSchema.parse({ ...rows[0], ours: NaN })).toThrow('ours')
  })
})

test('the best of samples has the best median', () => {
  const samples = [
    { name: 'a', values: [1, 9, 2] },
    { name: 'b', values: [3, 3, 3] },
    { name: 'c', values: [1, 1, 30] },
  ]
  expect(best(samples, 'higher')?.name).toBe('b')
  expect(best(samples, 'lower')?.name).toBe('c')
  expect(best<Sample>([], 'lower')).toBeUndefined()
})

describe('rows of a benchmark', () => {
  const ours: Played = { name: 'mlpconv', results: [{ imagesPerSecond: 200, megabytes: 20, milliseconds: 1 }] }
  const peer = (name: string, imagesPerSecond: number, megabytes: number): Played => ({
    name,
    results: [{ imagesPerSecond, megabytes }],
  })

  test('compare with the peer that is best in the first line; a number that it lacks is ours alone', () => {
    const rows = toRows({ lines: keys, peers: [] }, three, [ours, peer('slow', 50, 10), peer('fast', 80, 100)])
    expect(rows).toMatchObject([
      { name: 'step', peerName: 'fast', ratio: 2.5, met: true },
      { name: 'memory', peerName: 'fast', ratio: 0.2, met: true },
      { name: 'delay', ours: 1, met: true },
    ])
    expect(rows[2]).not.toHaveProperty('peer')
  })

  test('say that there is no peer, unless the target is of ours', () => {
    const rows = toRows({ lines: keys, peers: { absent: 'no PyTorch' } }, three, [ours])
    expect(rows.map(({ skipped, met }) => [skipped, met])).toEqual([
      ['no PyTorch', undefined],
      ['no PyTorch', undefined],
      [undefined, true],
    ])
  })

  const program = (code: string): Omit<Contestant, 'name'> => ({ program: process.execPath, args: (round) => ['-e', code, String(round)] })
  beforeEach(() => {
    for (const method of ['log', 'error'] as const) {
      jest.spyOn(console, method).mockImplementation(() => {
        // Nothing of it among the tests' own lines.
      })
    }
  })
  afterEach(() => {
    jest.restoreAllMocks()
  })

  const benchmark = { lines: { step: 'speed' }, peers: [{ name: 'peer', ...program('console.log(`{"speed":50}`)') }] }

  test('come from the last lines that the programs print, in as many rounds as asked for', async () => {
    const two = { name: 'mlpconv', ...program('console.log(`log\\n{"speed":100}`)') }
    const [row] = await runBenchmark({ ...benchmark, ours: two }, three, 2)
    expect(row).toMatchObject({ ours: 100, peer: 50, ratio: 2, spread: [2, 2], rounds: 2, met: true })
  })

  test('may differ from round to round, of which the trials are told', async () => {
    const ours = { name: 'mlpconv', ...program('console.log(JSON.stringify({ speed: 100 * (1 + Number(process.argv[1])) }))') }
    const [row] = await runBenchmark({ ...benchmark, ours }, three, 3)
    expect(row).toMatchObject({ ours: 200, ratio: 4, spread: [3, 5], rounds: 3 })
  })

  test.each([
    ['throws', 'throw new RangeError(`no luck`)', /^RangeError: no luck$/],
    ['is ended', 'process.kill(process.pid, `SIGKILL`)', /^a trial was ended by SIGKILL$/],
    ['prints something else', 'console.log(`{"size":1}`)', 'a number called speed; received undefined'],
  ])('say so if a program %s', async (_, code, message) => {
    const [row] = await runBenchmark({ ...benchmark, ours: { name: 'mlpconv', ...program(code) } }, three, 1)
    expect(row?.failed).toMatch(message)
    expect(row).not.toHaveProperty('ours')
  })

  test('say why it was skipped', async () => {
    const ours = { name: 'mlpconv', ...program('process.exit(1)') }
    expect(await runBenchmark({ ...benchmark, ours, skipped: 'no such CPU' }, three)).toMatchObject([{ skipped: 'no such CPU' }])
  })
})

test('the table in Markdown shows targets, whether they are met, and why something is missing', () => {
  const rows = [measuredRow(speed, [3], { name: 'PyTorch eager', values: [1] }), unmeasuredRow(memory, { skipped: 'no peer' })]
  expect(formatTable(rows).split('\n')).toEqual([
    '| work | unit | mlpconv | peer | which | ratio | quartiles of the rounds | target | met | remark |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    '| step | img/s | 3.00 | 1.00 | PyTorch eager | 3.00 | 3.00 to 3.00 | >= 2x | yes |  |',
    '| memory | MB |  |  |  |  |  | <= 0.25x |  | no peer |',
  ])
})

describe('the benchmarks', () => {
  test.each(['cpu', 'cuda'] as const)('measure each line of the table for %s, once', (device) => {
    const measured = benchmarksOf({ ...context, device }).flatMap((one) => linesOf(one, lines[device]))
    expect(measured.map(({ name }) => name).sort()).toEqual(lines[device].map(({ name }) => name).sort())
  })

  test('skip bfloat16 where the CPU has no arithmetic for it', () => {
    const skipped = (features: string[]) => benchmarksOf({ ...context, features }).filter(({ skipped }) => skipped !== undefined)
    expect(skipped(['avx512f']).flatMap((one) => Object.keys(one.lines)).every((name) => name.startsWith('bfloat16'))).toBe(true)
    expect(skipped(['avx512f'])).toHaveLength(2)
    expect(skipped(['amx_bf16'])).toEqual([])
  })

  test('name the packages that an older environment lacks', () => {
    const python = { interpreter: '/old/python', packages: { torch: '2.15.0', numpy: '2.4.6' } }
    expect(missingPackages({ python }, ['torch', 'numpy'])).toBeUndefined()
    expect(missingPackages({ python }, ['torch', 'onnx', 'pillow'])).toMatch('/old/python lacks onnx, pillow; ')
    expect(missingPackages({}, ['torch'])).toMatch('no PyTorch')
    expect(peerVersions({ python, onnxruntime: 'somewhere' })).toMatchObject({ torch: '2.15.0', 'onnxruntime-node': expect.any(String) })
  })

  test('refuse an interpreter that is none', () => {
    expect(() => findPeers('/no/such/python')).toThrow('/no/such/python')
  })
})

describe('logits of two runtimes', () => {
  test('may differ by rounding', () => {
    expect(() => {
      requireSameLogits({ logits: [1, 2] }, { logits: [1.00001, 2] })
    }).not.toThrow()
  })

  test.each([
    [[1, 2], [1.001, 2], 'relative L2'],
    [[1, NaN], [1, 2], 'relative L2'],
    [[0, 0], [0, 0], 'relative L2'],
    [[1], [1, 2], 'as many'],
  ])('%j and %j are not the same', (ours, peer, message) => {
    expect(() => {
      requireSameLogits({ logits: ours }, { logits: peer })
    }).toThrow(message)
  })
})
