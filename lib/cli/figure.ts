/** The figure of a run: loss, train accuracy and test accuracy against the epoch. */
import type { Epoch } from '../trainer/checkpoint.js'

/** The series in the order of the legend, with their colours and dashes. */
const series = [
  { name: 'train loss', value: ({ loss }: Epoch) => loss, color: '#1f77b4', dash: [1, 0] },
  { name: 'train accuracy', value: ({ trainAccuracy }: Epoch) => trainAccuracy, color: '#c2185b', dash: [6, 3] },
  { name: 'test accuracy', value: ({ testAccuracy }: Epoch) => testAccuracy, color: '#2e7d32', dash: [6, 3, 1, 3] },
] as const

const size = { width: 480, height: 320 }
/** With more epochs than this neither a tick nor a point for each can be read. */
const fewEpochs = 20

/**
 * Draws the curves as an SVG.
 *
 * @param epochs at least one
 * @param title what was trained
 */
export async function renderCurves(epochs: readonly Epoch[], title: string): Promise<string> {
  // They are large, and only this needs them.
  const [{ compile }, vega] = await Promise.all([import('vega-lite'), import('vega')])
  const values = epochs.flatMap((epoch) =>
    series.flatMap(({ name, value }) => {
      const y = value(epoch)
      return y === undefined ? [] : [{ epoch: epoch.epoch, series: name, value: y }]
    }),
  )
  const last = epochs.at(-1)!
  const [from, to] = [epochs[0]!.epoch, last.epoch]
  const isShort = to - from < fewEpochs
  const names = series.map(({ name }) => name).filter((name) => values.some((value) => value.series === name))
  const shown = series.filter(({ name }) => names.includes(name))
  const { spec } = compile({
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
        axis: { format: 'd', labelFlush: false, ...(isShort ? { values: epochs.map(({ epoch }) => epoch) } : {}) },
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
  const view = new vega.View(vega.parse(spec), { renderer: 'none' })
  try {
    return await view.toSVG()
  } finally {
    view.finalize()
  }
}

function describe({ loss, trainAccuracy, testAccuracy }: Epoch): string {
  const test = testAccuracy === undefined ? '' : `, test accuracy ${testAccuracy.toFixed(3)}`
  return `train loss ${loss.toFixed(3)}, train accuracy ${trainAccuracy.toFixed(3)}${test}`
}
