/** A step node by node: what `mlpconv profile` says to people and to programs. */
import { median } from '../bench/statistics.js'
import type { NodeProfile, StepProfile } from '../bench/profile.js'
import type { Peaks } from '../native/binding.js'
import { sum } from '../nn/cost.js'
import { formatColumns, formatRate, formatTime } from './output.js'

/** A line of the report: a node, or several together. Times are medians over the steps. */
export interface ProfileRow {
  readonly layer: string
  readonly op: string
  readonly implementation: string
  readonly seconds: number
  /** Of the step, in [0, 1]. */
  readonly share: number
  readonly flops: number
  readonly bytes: number
}

/** What was profiled, where. */
export interface ProfileReport {
  readonly mlpconv: string
  readonly machine: string
  readonly device: string
  readonly dtype: string
  /** Such as `training step of NiN d2l, 64 images of 1x224x224, 8 at a time`. */
  readonly work: string
  readonly batchSize: number
  readonly microBatch: number
  /** How many were timed. */
  readonly steps: number
  /** Of the whole step, and of what in it is no kernel; medians. */
  readonly seconds: number
  readonly secondsBetweenKernels: number
  readonly peaks?: Peaks
  readonly rows: readonly ProfileRow[]
}

/** What a profile comes to; `labelOf` says what a layer is called. */
export function toReport(
  { nodes, seconds, batchSize, microBatch, peaks }: StepProfile,
  facts: Pick<ProfileReport, 'mlpconv' | 'machine' | 'device' | 'dtype' | 'work'>,
  labelOf: (scope: string) => string,
): ProfileReport {
  const step = median(seconds)
  const toRow = (node: NodeProfile): ProfileRow => {
    const { scope, op, implementation, flops, bytes } = node
    const time = median(node.seconds)
    return { layer: labelOf(scope), op, implementation, seconds: time, share: time / step, flops, bytes }
  }
  const between = seconds.map((whole, i) => whole - sum(nodes.map((node) => node.seconds[i]!)))
  return {
    ...facts,
    batchSize,
    microBatch,
    steps: seconds.length,
    seconds: step,
    secondsBetweenKernels: median(between),
    ...(peaks === undefined ? {} : { peaks }),
    rows: nodes.map(toRow),
  }
}

const percent = (share: number): string => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`

/** A table with a line per node. */
export function formatProfile(report: ProfileReport): string {
  const { peaks, rows, seconds, secondsBetweenKernels, batchSize } = report
  const ofPeak = (rate: number, peak: number | undefined): string[] => (peak === undefined ? [] : [percent(rate / peak)])
  const header = [
    ['layer', 'op', 'implementation', 'time', 'share', 'GFLOP/s'],
    peaks ? ['of peak'] : [],
    ['MB', 'GB/s'],
    peaks ? ['of peak'] : [],
  ].flat()
  const cells = ({ layer, op, implementation, seconds: time, share, flops, bytes }: ProfileRow): string[] => [
    layer,
    op,
    implementation,
    formatTime(time),
    percent(share),
    flops > 0 ? formatRate(flops / time / 1e9) : '',
    ...(flops > 0 ? ofPeak(flops / time, peaks?.flops) : peaks ? [''] : []),
    formatRate(bytes / 1e6),
    formatRate(bytes / time / 1e9),
    ...ofPeak(bytes / time, peaks?.bandwidth),
  ]
  const blank = header.map(() => '')
  const total = (name: string, time: number): string[] => [name, '', '', formatTime(time), percent(time / seconds), ...blank.slice(5)]
  const step = {
    layer: 'step',
    op: '',
    implementation: `${formatRate(batchSize / seconds)} images/s`,
    seconds,
    share: 1,
    flops: sum(rows.map(({ flops }) => flops)),
    bytes: sum(rows.map(({ bytes }) => bytes)),
  }
  const right = header.map((_, column) => column).slice(3)
  return formatColumns([header, ...rows.map(cells), total('between kernels', secondsBetweenKernels), cells(step)], right)
}

/** What stands above the table and below it. */
export function describeProfile({ machine, dtype, work, steps, peaks }: ProfileReport): { above: string; below: string } {
  const measured = peaks
    ? `peaks  ${formatRate(peaks.flops / 1e9)} GFLOP/s of float32 multiply-adds, ${formatRate(peaks.bandwidth / 1e9)} GB/s of memory (triad)`
    : 'peaks  are not measured on a GPU'
  return {
    above: [`${machine}, ${dtype}`, `${work}: the median of ${steps} steps`, measured, ''].join('\n'),
    below: [
      '',
      'FLOPs are those of the direct algorithm, so that Winograd convolutions may be above the peak; bytes what must at',
      'least be read and written once, so that what is still in the caches may be above it.',
    ].join('\n'),
  }
}
