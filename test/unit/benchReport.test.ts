import { describe, expect, test } from '@jest/globals'
import { OptionError, quantile } from '../../lib/index.js'
import { catalog, caseName } from '../../lib/bench/catalog.js'
import { parseLayer } from '../../lib/bench/layer.js'
import { compareReports, formatReport, type Row } from '../../lib/cli/benchReport.js'
import { formatTime } from '../../lib/cli/output.js'

const row = (seconds: number[], rest: Partial<Row> = {}): Row => ({
  name: 'a: b, forward',
  group: 'a',
  form: 'b',
  direction: 'forward',
  seconds,
  flops: 2e9,
  bytes: 1e6,
  parameters: 12345,
  memory: 2 ** 21,
  ...rest,
})

describe('a verdict', () => {
  const verdict = (before: number[], after: number[]) => compareReports({ rows: [row(before)] }, { rows: [row(after)] })[0]?.verdict

  test.each([
    ['slower', [1, 1.01, 1.02], [1.2, 1.21, 1.22]],
    ['faster', [1.2, 1.21, 1.22], [1, 1.01, 1.02]],
    ['same', [1, 1.01, 1.02], [1.03, 1.04, 1.05]],
    ['same', [1, 1.2, 1.6], [1.1, 1.4, 1.5]],
    ['same', [1], [1]],
  ] as const)('is %s', (expected, before, after) => {
    expect(verdict([...before], [...after])).toBe(expected)
  })

  test('is of rows of one name', () => {
    const others = [row([1], { name: 'another' })]
    expect(compareReports({ rows: others }, { rows: [row([9])] })).toEqual([])
  })
})

test('times have three digits and a unit', () => {
  expect([2, 0.0123, 0.00000456].map(formatTime)).toEqual(['2.00 s', '12.3 ms', '4.56 us'])
})

test('the table has rates of the median, and PyTorch beside where it was measured', () => {
  const table = formatReport({ rows: [row([0.1, 0.2, 0.3]), row([1], { group: 'c', peerSeconds: [2] })] })
  expect(table).toMatch(/^a\n/)
  expect(table).toMatch(/b {2}forward {2}200 ms {2}150 ms to 250 ms +10\.0 +0\.01 +12,345 +2\.0 MiB/)
  expect(table).toMatch(/\nc\n[^]*1\.00 s .* 2\.00 s +2\.00$/)
})

test('quantiles are linear between elements', () => {
  expect([0, 0.25, 0.5, 1].map((q) => quantile([4, 1, 2, 3], q))).toEqual([1, 1.75, 2.5, 4])
})

test('the catalog’s layers are layers, and their names are their own', () => {
  for (const { layer } of catalog) expect(parseLayer(layer)).toMatchObject(layer)
  expect(new Set(catalog.map(caseName)).size).toBe(catalog.length)
})

test.each([
  [{ kind: 'conv3d' }, 'kind'],
  [{ kind: 'relu', input: [1, 2, 3] }, 'input'],
  [{ kind: 'linear', rows: 1, inFeatures: 0, outFeatures: 2 }, 'inFeatures'],
  [{ kind: 'relu', input: [1, 1, 1, 1], slope: 1 }, 'slope'],
  [null, 'object'],
])('%j is no layer', (layer, word) => {
  expect(() => parseLayer(layer)).toThrow(OptionError)
  expect(() => parseLayer(layer)).toThrow(word)
})
