/** Flattening to rows. */
import type { Tracer } from '../graph/trace.js'
import { flatten } from '../ops/flatten.js'
import { Module } from './module.js'

/** Each sample as one row, in logical order: [N, C, H, W] -> [N, C * H * W]. */
export class Flatten extends Module {
  forward(x: Tracer): Tracer {
    return flatten(x)
  }
}
