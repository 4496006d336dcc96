/** Drawing figures. */
import type { TopLevelSpec } from 'vega-lite'

/** Draws a figure of vega-lite as an SVG. */
export async function renderSvg(figure: TopLevelSpec): Promise<string> {
  // They are large, and only figures need them.
  const vega = await import('vega')
  const { compile } = await import('vega-lite')
  const view = new vega.View(vega.parse(compile(figure).spec), { renderer: 'none' })
  try {
    return await view.toSVG()
  } finally {
    view.finalize()
  }
}
