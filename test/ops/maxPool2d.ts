import fc from 'fast-check'
import { maxPool2d } from '../../lib/ops/maxPool2d.js'
import * as reference from '../reference/maxPool2d.js'
import { batches, channels, windows } from './arbitraries.js'
import { opCase } from './case.js'

export const maxPool2dCase = opCase(
  'maxPool2d',
  fc.record({ batch: batches, channel: channels, windowed: windows(4, (kernel) => Math.floor(kernel / 2)) }),
  ({ batch, channel, windowed: { window, size } }) => {
    const shape = [batch, channel, ...size]
    return {
      inputs: [{ role: 'activation', shape }],
      call: ([x]) => maxPool2d(x!, window.kernelSize, window),
      forward: ([x]) => reference.maxPool2d(x!, window).y,
      backward: ([x], dy) => [reference.maxPool2dBackward(dy, reference.maxPool2d(x!, window).index, shape)],
    }
  },
)
