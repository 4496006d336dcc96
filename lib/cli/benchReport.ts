/** The rows of a run of benchmarks: their schema, what they say to people, and how they compare with older ones. */
import { z } from 'zod'
import { median, quantile } from '../bench/statistics.js'
import { precisions } from '../trainer/options.js'
import { formatColumns, formatCount, formatRate, formatTime } from './output.js'

const sample = z.array(z.number().positive()).min(1)

export const rowSchema = z.object({
  name: z.string(),
  group: z.string(),
  form: z.string(),
  direction: z.enum(['forward', 'backward']),
  /** Of one run, a number per round. */
  seconds: sample,
  flops: z.number(),
  bytes: z.number(),
  parameters: z.number(),
  memory: z.number(),
  /** PyTorch's, of the same layer. */
  peerSeconds: sample.optional(),
})

export const reportSchema = z.object({
  mlpconv: z.string(),
  machine: z.string(),
  device: z.string(),
  dtype: z.enum(precisions),
  rows: z.array(rowSchema),
})

export type Row = z.infer<typeof rowSchema>
export type Report = z.infer<typeof reportSchema>

/** A table for each group. */
export function formatReport({ rows }: Pick<Report, 'rows'>): string {
  const hasPeer = rows.some(({ peerSeconds }) => peerSeconds !== undefined)
  const titles = ['', '', 'time', 'quartiles', 'GFLOP/s', 'GB/s', 'parameters', 'memory']
  const groups = [...new Set(rows.map(({ group }) => group))]
  return groups
    .map((group) => {
      const lines = rows
        .filter((row) => row.group === group)
        .map(({ form, direction, seconds, flops, bytes, parameters, memory, peerSeconds }) => {
          const time = median(seconds)
          return [
            form,
            direction,
            formatTime(time),
            `${formatTime(quantile(seconds, 0.25))} to ${formatTime(quantile(seconds, 0.75))}`,
            flops > 0 ? formatRate(flops / time / 1e9) : '',
            formatRate(bytes / time / 1e9),
            parameters > 0 ? formatCount(parameters) : '',
            `${(memory / 2 ** 20).toFixed(1)} MiB`,
            ...(hasPeer ? [peerSeconds ? formatTime(median(peerSeconds)) : '', peerSeconds ? formatRate(median(peerSeconds) / time) : ''] : []),
          ]
        })
      const header = [...titles, ...(hasPeer ? ['PyTorch', 'ratio'] : [])]
      return `${group}\n${formatColumns([header, ...lines], [2, 3, 4, 5, 6, 7, 8, 9])}`
    })
    .join('\n\n')
}

/** How a row compares with an older one. */
export interface Comparison {
  readonly name: string
  /** New time over old. */
  readonly ratio: number
  readonly verdict: 'slower' | 'faster' | 'same'
}

/** Less than this is no difference, however little the samples spread. */
const leastChange = 0.05

/**
 * Compares rows of one name. One is slower or faster if the medians differ by more than 5 % and the ranges between the
 * quartiles do not overlap.
 */
export function compareReports(before: Pick<Report, 'rows'>, after: Pick<Report, 'rows'>): Comparison[] {
  return after.rows.flatMap(({ name, seconds }) => {
    const old = before.rows.find((row) => row.name === name)?.seconds
    if (!old) return []
    const ratio = median(seconds) / median(old)
    const isSlower = ratio > 1 + leastChange && quantile(seconds, 0.25) > quantile(old, 0.75)
    const isFaster = ratio < 1 / (1 + leastChange) && quantile(seconds, 0.75) < quantile(old, 0.25)
    return [{ name, ratio, verdict: isSlower ? 'slower' : isFaster ? 'faster' : 'same' } as const]
  })
}
