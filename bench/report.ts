/** The rows of the report: how they come about from numbers, their schema, and the table that people read. */
import { z } from 'zod'
import { median, quantile } from 'mlpconv'
import type { Line } from './targets.js'

const text = z.string().min(1)
const number = z.number()

export const rowSchema = z.strictObject({
  name: text,
  unit: text,
  better: z.enum(['higher', 'lower']),
  /** The median of the rounds; so is `peer`. */
  ours: number.optional(),
  peer: number.optional(),
  /** Which of the peers it is: the best one. */
  peerName: text.optional(),
  /** ours / peer. */
  ratio: number.optional(),
  /** The quartiles of the rounds' ratios; without a peer those of ours. */
  spread: z.tuple([number, number]).optional(),
  rounds: z.int().nonnegative(),
  target: z.strictObject({ of: z.enum(['ours', 'ratio']), value: number }).optional(),
  /** Absent where the target's number was not measured. */
  met: z.boolean().optional(),
  /** Why something of it was not measured. */
  skipped: text.optional(),
  /** What went wrong. */
  failed: text.optional(),
})

export const reportSchema = z.strictObject({
  machine: z.strictObject({
    date: text,
    cpu: text,
    /** The instruction sets that matter. */
    features: z.array(z.string()),
    threads: z.int(),
    device: z.enum(['cpu', 'cuda']),
    node: text,
    mlpconv: text,
    /** The versions of what is compared with. */
    peers: z.record(z.string(), z.string()),
    /** Whether sizes were such that the numbers say nothing; nothing is judged then. */
    tiny: z.boolean(),
  }),
  rows: z.array(rowSchema),
})

export type Row = z.infer<typeof rowSchema>
export type Report = z.infer<typeof reportSchema>

/** A number per round. */
export interface Sample {
  readonly name: string
  readonly values: readonly number[]
}

/** Of samples the one whose median is best. Undefined if there are none. */
export function best<T extends Sample>(samples: readonly T[], better: Line['better']): T | undefined {
  const sign = better === 'higher' ? -1 : 1
  return [...samples].sort((a, b) => sign * (median(a.values) - median(b.values)))[0]
}

/**
 * The row of what was measured: the ratio is the median of the rounds' own ratios, as its spread is.
 *
 * @param ours a number per round
 * @param peer the same of the best peer
 */
export function measuredRow(line: Line, ours: readonly number[], peer?: Sample): Row {
  const ratios = peer?.values.map((value, round) => ours[round]! / value)
  const ratio = ratios && median(ratios)
  const shown = ratios ?? ours
  const judged = line.target?.of === 'ratio' ? ratio : median(ours)
  return {
    ...line,
    ours: median(ours),
    ...(peer ? { peer: median(peer.values), peerName: peer.name, ratio } : {}),
    spread: [quantile(shown, 0.25), quantile(shown, 0.75)],
    rounds: ours.length,
    ...(line.target && judged !== undefined ? { met: isMet(judged, line.target.value, line.better) } : {}),
  }
}

/** The row of what was not measured, with why. */
export function unmeasuredRow(line: Line, why: { readonly skipped: string } | { readonly failed: string }): Row {
  return { ...line, rounds: 0, ...why }
}

/** Whether a value is as good as its target or better. */
export function isMet(value: number, target: number, better: Line['better']): boolean {
  return better === 'higher' ? value >= target : value <= target
}

/** `2.50`, `170`; three digits or all before the point. */
export function formatNumber(value: number | undefined): string {
  if (value === undefined) return ''
  return Math.abs(value) < 100 ? value.toFixed(2) : value.toFixed(0)
}

/** `>= 2.5x`, `<= 20 us` */
export function formatTarget({ target, better, unit }: Pick<Row, 'target' | 'better' | 'unit'>): string {
  if (!target) return ''
  return `${better === 'higher' ? '>=' : '<='} ${String(target.value)}${target.of === 'ratio' ? 'x' : ` ${unit}`}`
}

/** A table in Markdown. */
export function formatTable(rows: readonly Row[]): string {
  const titles = ['work', 'unit', 'mlpconv', 'peer', 'which', 'ratio', 'quartiles of the rounds', 'target', 'met', 'remark']
  const cells = rows.map((row) => [
    row.name,
    row.unit,
    formatNumber(row.ours),
    formatNumber(row.peer),
    row.peerName ?? '',
    formatNumber(row.ratio),
    row.spread ? row.spread.map(formatNumber).join(' to ') : '',
    formatTarget(row),
    row.met === undefined ? '' : row.met ? 'yes' : 'no',
    row.failed === undefined ? (row.skipped ?? '') : `failed: ${row.failed}`,
  ])
  return [titles, titles.map(() => '---'), ...cells].map((line) => `| ${line.join(' | ')} |`).join('\n')
}
