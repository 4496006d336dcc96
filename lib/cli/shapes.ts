/** The shape trace: what becomes of an image on its way through a network. */
import { GraphBuilder } from '../graph/trace.js'
import type { Module } from '../nn/module.js'
import { formatColumns } from './output.js'

/**
 * A line per layer of a network: its index, its name, and the shape of an image's output such as `96x54x54`.
 *
 * @param inputShape [N, C, H, W]
 * @throws ShapeError if the network cannot take this input
 */
export function traceShapes(net: Module, inputShape: readonly number[]): string {
  const rows: string[][] = []
  const builder = new GraphBuilder()
  builder.onModule = (path, layer, { shape }) => {
    if (path !== '' && !path.includes('.')) rows.push([path, nameOf(layer as Module), shape.slice(1).join('x')])
  }
  const input = builder.input({ shape: inputShape, dtype: 'float32' })
  net.trace(input)
  return formatColumns([['', 'input', inputShape.slice(1).join('x')], ...rows], [0])
}

function nameOf(layer: Module): string {
  return layer.children().length === 0 ? layer.toString() : layer.constructor.name
}
