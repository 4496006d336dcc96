import { expect, test } from '@jest/globals'
import { mlpconv } from './commandLine.js'

interface Summary {
  readonly inputShape: readonly number[]
  readonly rows: readonly {
    readonly path: string
    readonly outputShape: readonly number[]
    readonly parameters: number
  }[]
  readonly totals: {
    readonly parameters: number
    readonly predict: { readonly flops: number; readonly memory: number }
  }
  readonly compared?: { readonly name: string; readonly weights: number }
}

async function summary(...args: readonly string[]): Promise<Summary> {
  const { code, stdout, stderr } = await mlpconv(['summary', '--json', ...args])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout) as Summary
}

test('summary --json has every layer and the totals', async () => {
  const { inputShape, rows, totals } = await summary()
  expect(inputShape).toEqual([1, 1, 224, 224])
  expect(totals.parameters).toBe(1_992_166)
  const trace = [
    '96x54x54',
    '96x26x26',
    '256x26x26',
    '256x12x12',
    '384x12x12',
    '384x5x5',
    '384x5x5',
    '10x5x5',
    '10x1x1',
    '10',
  ]
  const outer = rows.filter(({ path }) => !path.includes('.'))
  expect(outer.map(({ outputShape }) => outputShape.slice(1).join('x'))).toEqual(trace)
  expect(outer.reduce((sum, { parameters }) => sum + parameters, 0)).toBe(totals.parameters)
})

test('summary takes the sizes that it is given', async () => {
  const { inputShape, rows } = await summary(
    '--variant',
    'mlpconv',
    '--channels',
    '3',
    '--batch-size',
    '2',
    '--block-depth',
    '1',
  )
  expect(inputShape).toEqual([2, 3, 224, 224])
  expect(rows.filter(({ path }) => /^0\./.test(path)).map(({ outputShape }) => outputShape)).toEqual([
    [2, 96, 54, 54],
    [2, 96, 54, 54],
    [2, 96, 54, 54],
    [2, 96, 54, 54],
    [2, 96, 26, 26],
  ])
})

test("summary --compare vgg-dense prints the weights of VGG's first dense layer beside NiN", async () => {
  const { compared } = await summary('--compare', 'vgg-dense')
  expect(compared?.weights).toBe(102_760_448)
  const { stdout } = await mlpconv(['summary', '--compare', 'vgg-dense', '--depth', '1'])
  expect(stdout).toMatch(
    /512\*7\*7 -> 4096: 102,760,448 weights, 51\.6 times .* 1,992,166 parameters of all of NiN\.\n$/,
  )
  expect(stdout).not.toMatch(/^ *0\.0 /m)
})
