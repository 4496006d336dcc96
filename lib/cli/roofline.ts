/** The roofline of a step: what each node reaches, under what the machine can do. */
import type { ProfileReport, ProfileRow } from './profileReport.js'
import { formatRate, formatTime } from './output.js'
import { renderSvg } from './svg.js'

/** Nodes that take more of the step than this have their layer beside. */
const largeShare = 0.04
/** Nodes that take less are left out. */
const smallShare = 0.001

/** The powers of ten from `least` to `most`, and as many times them. */
function decades(least: number, most: number, times: readonly number[]): number[] {
  const powers = Array.from({ length: Math.ceil(Math.log10(most / least)) + 2 }, (_, i) => 10 ** (Math.floor(Math.log10(least)) + i))
  return powers.flatMap((power) => times.map((factor) => factor * power)).filter((value) => value >= least && value <= most)
}

/**
 * Draws GFLOP/s against arithmetic intensity, both logarithmic, a point per node under the roof of the machine; below it the
 * GB/s of nodes that have no FLOPs. Nodes that take next to no time are left out. As an SVG.
 *
 * Williams, Waterman and Patterson, "Roofline: an insightful visual performance model for multicore architectures", 2009.
 */
export async function renderRoofline(report: ProfileReport & Required<Pick<ProfileReport, 'peaks'>>): Promise<string> {
  const { peaks, rows, work, machine, dtype, seconds } = report
  const [flops, bandwidth] = [peaks.flops / 1e9, peaks.bandwidth / 1e9]
  const points = rows.filter(({ share }) => share >= smallShare).map((row) => ({
    ...row,
    intensity: row.flops / row.bytes,
    rate: row.flops / row.seconds / 1e9,
    throughput: row.bytes / row.seconds / 1e9,
    label: row.share >= largeShare ? nameOf(row) : '',
  }))
  const computing = points.filter((point) => point.flops > 0)
  const moving = points.filter((point) => point.flops === 0)
  const ops = [...new Set(computing.map(({ op }) => op))]

  const ridge = flops / bandwidth
  const intensities = [ridge, ...computing.map(({ intensity }) => intensity)]
  const [left, right] = [Math.min(...intensities) / 2, Math.max(...intensities) * 2]
  const bottom = Math.min(bandwidth * left, ...computing.map(({ rate }) => rate)) / 1.5
  const roof = [left, ridge, right].map((intensity) => ({ intensity, rate: Math.min(flops, bandwidth * intensity) }))
  const top = Math.max(flops, ...computing.map(({ rate }) => rate)) * 1.8
  const x = {
    field: 'intensity',
    type: 'quantitative' as const,
    title: 'arithmetic intensity, FLOP per byte',
    scale: { type: 'log' as const, domain: [left, right], nice: false },
    axis: { format: '~g', values: decades(left, right, [1]) },
  }
  const y = {
    field: 'rate',
    type: 'quantitative' as const,
    title: 'GFLOP/s',
    scale: { type: 'log' as const, domain: [bottom, top], nice: false },
    axis: { format: '~g', values: decades(bottom, top, [1, 2, 5]) },
  }
  const size = {
    field: 'share',
    type: 'quantitative' as const,
    title: 'share of the step',
    scale: { type: 'linear' as const, domain: [0, Math.max(...points.map(({ share }) => share))], range: [20, 500] },
    legend: { format: '.0%', values: [0.01, 0.05, 0.1, 0.2] },
  }
  const speeds = [bandwidth, ...moving.map(({ throughput }) => throughput)]
  const throughputs: [number, number] = [Math.min(...speeds) / 1.5, Math.max(...speeds) * 1.5]
  const width = 560
  return renderSvg({
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    padding: 12,
    background: 'white',
    title: {
      text: work.replace(/^./, (letter) => letter.toUpperCase()),
      subtitle: `${machine}, ${dtype}; ${formatTime(seconds)} a step`,
      anchor: 'start',
      fontSize: 15,
      subtitleFontSize: 12,
      offset: 12,
    },
    vconcat: [
      {
        width,
        height: 340,
        layer: [
          { data: { values: roof }, mark: { type: 'line', color: '#444', strokeWidth: 2 }, encoding: { x, y } },
          {
            data: {
              values: [
                { intensity: right, rate: flops, text: `${formatRate(flops)} GFLOP/s, float32 multiply-adds` },
              ],
            },
            mark: { type: 'text', align: 'right', baseline: 'bottom', dx: -4, dy: -4, fontSize: 11, color: '#444' },
            encoding: { x, y, text: { field: 'text', type: 'nominal' } },
          },
          {
            data: { values: [{ intensity: left, rate: bandwidth * left, text: `${formatRate(bandwidth)} GB/s, memory` }] },
            mark: { type: 'text', align: 'left', baseline: 'top', dx: 16, fontSize: 11, color: '#444' },
            encoding: { x, y, text: { field: 'text', type: 'nominal' } },
          },
          {
            data: { values: computing },
            mark: { type: 'point', filled: true, opacity: 0.75 },
            encoding: { x, y, size, color: { field: 'op', type: 'nominal', title: 'op', scale: { domain: ops }, legend: { labelLimit: 240 } } },
          },
          {
            data: { values: computing },
            mark: { type: 'text', align: 'left', dx: 9, fontSize: 10 },
            encoding: { x, y, text: { field: 'label', type: 'nominal' } },
          },
        ],
      },
      {
        width,
        height: { step: 18 },
        title: { text: 'Nodes without FLOPs worth counting, and the memory’s GB/s', anchor: 'start', fontSize: 12, fontWeight: 'normal' },
        layer: [
          {
            data: { values: [{ throughput: bandwidth }] },
            mark: { type: 'rule', color: '#444', strokeWidth: 2 },
            encoding: { x: { field: 'throughput', type: 'quantitative' } },
          },
          {
            data: { values: moving },
            mark: { type: 'point', filled: true, opacity: 0.75, color: '#555' },
            encoding: {
              x: { field: 'throughput', type: 'quantitative', title: 'GB/s', scale: { type: 'log', domain: throughputs, nice: false }, axis: { format: '~g', values: decades(...throughputs, [1]) } },
              y: { field: 'op', type: 'nominal', title: null, sort: null },
              size,
            },
          },
        ],
      },
    ],
    config: { font: 'sans-serif', axis: { labelFontSize: 11, titleFontSize: 12, gridColor: '#e0e0e0' } },
  })
}

function nameOf({ layer }: ProfileRow): string {
  return layer.split(' ', 1)[0]!
}
