/** The figure of a run: loss, train accuracy and test accuracy against the epoch. */
import { renderSvg } from './svg.js'

/** A point in time: within an epoch the means since it began, at its end also the test. `Epoch` is one. */
export interface CurvePoint {
  /** Epochs that are done, with a fraction within one. */
  readonly epoch: number
  readonly loss: number
  readonly trainAccuracy: number
  readonly testAccuracy?: number
}

/** The series in the order of the legend, with their colours and dashes. */
const series = [
  { name: 'train loss', value: ({ loss }: CurvePoint) => loss, color: '#1f77b4', dash: [1, 0] },
  { name: 'train accuracy', value: ({ trainAccuracy }: CurvePoint) => trainAccuracy, color: '#c2185b', dash: [6, 3] },
  { name: 'test accuracy', value: ({ testAccuracy }: CurvePoint) => testAccuracy, color: '#2e7d32', dash: [6, 3, 1, 3] },
] as const

const size = { width: 480, height: 320 }
/** With more epochs than this neither a tick nor a point for each can be read. */
const fewEpochs = 20

/**
 * Draws the curves as an SVG.
 *
 * @param points at least one, in order
 * @param title what was trained
 */
export async function renderCurves(points: readonly CurvePoint[], title: string): Promise<string> {
  const values = points.flatMap((point) =>
    series.flatMap(({ name, value }) => {
      const y = value(point)
      return y === undefined ? [] : [{ epoch: point.epoch, series: name, value: y }]
    }),
  )
  const last = points.at(-1)!
  const [from, to] = [Math.floor(points[0]!.epoch), Math.ceil(last.epoch)]
  const isShort = to - from < fewEpochs
  const ticks = Array.from({ length: to - from + 1 }, (_, i) => from + i)
  const names = series.map(({ name }) => name).filter((name) => values.some((value) => value.series === name))
  const shown = series.filter(({ name }) => names.includes(name))
  return renderSvg({
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    ...size,
    padding: 12,
    background: 'white',
    title: { text: title, subtitle: describe(last), anchor: 'start', fontSize: 15, subtitleFontSize: 12, offset: 12 },
    data: { values },
    mark: { type: 'line', point: isShort && { filled: true, size: 45 }, strokeWidth: 2 },
    encoding: {
      x: {
        field: 'epoch',
        type: 'quantitative',
        // One epoch stands in the middle.
        scale: { domain: from === to ? [from - 1, to + 1] : [from, to], nice: false },
        axis: { format: 'd', labelFlush: false, ...(isShort ? { values: ticks } : {}) },
      },
      y: { field: 'value', type: 'quantitative', title: 'loss, accuracy', scale: { zero: true } },
      color: {
        field: 'series',
        type: 'nominal',
        title: null,
        scale: { domain: names, range: shown.map(({ color }) => color) },
      },
      strokeDash: {
        field: 'series',
        type: 'nominal',
        title: null,
        scale: { domain: names, range: shown.map(({ dash }) => [...dash]) },
      },
    },
    config: {
      font: 'sans-serif',
      axis: { labelFontSize: 12, titleFontSize: 13, gridColor: '#e0e0e0', titlePadding: 8 },
      legend: { labelFontSize: 12, symbolStrokeWidth: 2, symbolSize: 250, symbolType: 'stroke' },
    },
  })
}

function describe({ loss, trainAccuracy, testAccuracy }: CurvePoint): string {
  const test = testAccuracy === undefined ? '' : `, test accuracy ${testAccuracy.toFixed(3)}`
  return `train loss ${loss.toFixed(3)}, train accuracy ${trainAccuracy.toFixed(3)}${test}`
}
