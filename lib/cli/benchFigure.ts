/** The figure of a run of benchmarks: GFLOP/s of the forms of one layer, side by side. */
import { median } from '../bench/statistics.js'
import type { Report } from './benchReport.js'
import { renderSvg } from './svg.js'

/**
 * Draws the rows that compute something as bars, one panel per direction, as an SVG.
 *
 * @returns undefined if no row has FLOPs
 */
export async function renderReport({ rows, device, dtype }: Report): Promise<string | undefined> {
  const values = rows
    .filter(({ flops }) => flops > 0)
    .map(({ group, form, direction, seconds, flops }) => ({
      group: group.replace(/^\w+: /, ''),
      form,
      direction,
      rate: flops / median(seconds) / 1e9,
    }))
  if (values.length === 0) return undefined
  const forms = [...new Set(values.map(({ form }) => form))]
  return renderSvg({
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    padding: 12,
    background: 'white',
    title: { text: `Layers on ${device}, ${dtype}`, anchor: 'start', fontSize: 15, offset: 12 },
    data: { values },
    facet: { column: { field: 'direction', type: 'nominal', title: null, sort: ['forward', 'backward'] } },
    spec: {
      width: 260,
      height: { step: 12 },
      mark: { type: 'bar' },
      encoding: {
        y: { field: 'group', type: 'nominal', title: null, sort: null, axis: { labelLimit: 320 } },
        yOffset: { field: 'form', type: 'nominal', sort: forms },
        x: { field: 'rate', type: 'quantitative', title: 'GFLOP/s' },
        color: { field: 'form', type: 'nominal', title: null, sort: forms, legend: { orient: 'bottom', columns: 3, labelLimit: 240 } },
      },
    },
    config: { font: 'sans-serif', axis: { labelFontSize: 11, titleFontSize: 12, gridColor: '#e0e0e0' } },
  })
}
