/** Global average pooling. */
import type { Tracer } from '../graph/trace.js'
import { adaptiveAvgPool2d } from '../ops/avgPool2d.js'
import { Module } from './module.js'

/**
 * The mean of each channel: [N, C, H, W] -> [N, C, 1, 1].
 *
 * Lin, Chen and Yan, "Network in network", ICLR 2014.
 */
export class GlobalAvgPool2d extends Module {
  forward(x: Tracer): Tracer {
    return adaptiveAvgPool2d(x, 1)
  }
}
