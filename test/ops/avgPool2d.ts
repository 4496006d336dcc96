import fc from 'fast-check'
import { adaptiveAvgPool2d, avgPool2d } from '../../lib/ops/avgPool2d.js'
import * as reference from '../reference/avgPool2d.js'
import { batches, channels, pairs, windows } from './arbitraries.js'
import { opCase } from './case.js'

/** A sum over so many elements is divided without rounding. */
const dividesExactly = (count: number): boolean => Number.isInteger(Math.log2(count))

export const avgPool2dCase = opCase(
  'avgPool2d',
  fc.record({
    batch: batches,
    channel: channels,
    windowed: windows(4, (kernel) => Math.floor(kernel / 2)),
    countIncludePad: fc.boolean(),
  }),
  ({ batch, channel, windowed: { window, size }, countIncludePad }) => {
    const shape = [batch, channel, ...size]
    const options = { ...window, countIncludePad }
    return {
      inputs: [{ role: 'activation', shape }],
      call: ([x]) => avgPool2d(x!, window.kernelSize, options),
      forward: ([x]) => reference.avgPool2d(x!, options),
      backward: (_inputs, dy) => [reference.avgPool2dBackward(dy, shape, options)],
      exact: window.kernelSize.every(dividesExactly) && (countIncludePad || Math.max(...window.padding) === 0),
    }
  },
)

export const adaptiveAvgPool2dCase = opCase(
  'adaptiveAvgPool2d',
  fc.record({ batch: batches, channel: channels, outputSize: pairs(3), cell: pairs(5) }),
  ({ batch, channel, outputSize, cell }) => {
    const shape = [batch, channel, outputSize[0] * cell[0], outputSize[1] * cell[1]]
    return {
      inputs: [{ role: 'activation', shape }],
      call: ([x]) => adaptiveAvgPool2d(x!, outputSize),
      forward: ([x]) => reference.adaptiveAvgPool2d(x!, outputSize),
      backward: (_inputs, dy) => [reference.adaptiveAvgPool2dBackward(dy, shape)],
      exact: cell.every(dividesExactly),
    }
  },
)
