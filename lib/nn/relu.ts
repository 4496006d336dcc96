/** Rectified linear unit. */
import type { Tracer } from '../graph/trace.js'
import { relu } from '../ops/relu.js'
import { Module } from './module.js'

/** max(x, 0), element by element; any shape. */
export class ReLU extends Module {
  forward(x: Tracer): Tracer {
    return relu(x)
  }
}
