/** A summary as text. */
import type { Cost } from './cost.js'
import type { Summary, SummaryTotals } from './summary.js'

const gap = '  '
/** The first columns are text, the others numbers. */
const textColumns = 2

/** A table with a line per module down to a depth, the totals, and what the numbers mean. */
export function formatSummary({ inputShape, microBatch, rows, totals }: Summary, depth: number): string {
  const trains = totals.train !== undefined
  const groups = ['', '', '', '', 'predict', ...(trains ? ['', 'train'] : [])]
  const header = ['layer', 'output', 'parameters', 'FLOPs', 'memory', ...(trains ? ['FLOPs', 'memory'] : [])]
  const modules = rows
    .filter(({ path }) => depthOf(path) <= depth)
    .map((row) => {
      const layer = `${'  '.repeat(depthOf(row.path) - 1)}${row.path} ${row.layer}`
      return [layer, row.outputShape.slice(1).join('x'), ...formatNumbers(row)]
    })
  const all = ['all', '', ...formatNumbers(totals)]

  const widths = header.map((_, i) => Math.max(...[groups, header, ...modules, all].map((cells) => cells[i]!.length)))
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (i < textColumns ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join(gap)
      .trimEnd()
  const rule = '-'.repeat(widths.reduce((sum, width) => sum + width, (widths.length - 1) * gap.length))
  const portion = trains && microBatch < inputShape[0]! ? `, in training ${microBatch} samples at a time` : ''
  return [
    line(groups),
    line(header),
    rule,
    ...modules.map(line),
    rule,
    line(all),
    '',
    `For an input of ${inputShape.join('x')}${portion}. A multiply-add is two FLOPs.`,
    'Memory of a layer: what its values occupy in the plan, where layers share it. Of all: what is allocated.',
  ].join('\n')
}

function formatNumbers({ parameters, predict, train }: SummaryTotals): string[] {
  const costs = [predict, ...(train ? [train] : [])]
  return [formatCount(parameters), ...costs.flatMap(formatCost)]
}

function formatCost({ flops, memory }: Cost): string[] {
  return [formatScaled(flops, 1000, ['', ' k', ' M', ' G', ' T']), formatScaled(memory, 1024, byteUnits)]
}

const byteUnits = [' B', ' KiB', ' MiB', ' GiB', ' TiB']

/** 1 for `3`, 2 for `3.0`. */
function depthOf(path: string): number {
  return path.split('.').length
}

function formatCount(count: number): string {
  return count === 0 ? '' : count.toLocaleString('en-US')
}

/** At least three digits, in the largest unit that is not larger than the value. Nothing for zero. */
function formatScaled(value: number, base: number, units: readonly string[]): string {
  if (value === 0) return ''
  const power = Math.min(units.length - 1, Math.floor(Math.log(value) / Math.log(base)))
  const scaled = value / base ** power
  const decimals = power === 0 || scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2
  return scaled.toFixed(decimals) + units[power]!
}
