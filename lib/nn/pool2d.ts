/** What the pooling layers share: a window and how it moves. */
import type { Size2d } from '../ops/check.js'
import { poolAttributes, type PoolAttributes, type Pool2dOptions } from '../ops/maxPool2d.js'
import { Module } from './module.js'
import { printOptions, printSize } from './print.js'

/** A layer with a window. */
export abstract class Pool2d extends Module implements PoolAttributes {
  readonly kernelSize: PoolAttributes['kernelSize']
  readonly stride: PoolAttributes['stride']
  readonly padding: PoolAttributes['padding']

  constructor(kernelSize: Size2d, options: Pool2dOptions) {
    super()
    const window = poolAttributes(new.target.name, kernelSize, options)
    this.kernelSize = window.kernelSize
    this.stride = window.stride
    this.padding = window.padding
  }

  protected override printArguments(): string {
    const kernel = printSize(this.kernelSize)
    const defaults = { stride: kernel, padding: '0', countIncludePad: 'true' }
    return [kernel, ...printOptions(this.options(), defaults)].join(', ')
  }

  /** The options, for `toString`. */
  protected options(): Record<string, string> {
    return { stride: printSize(this.stride), padding: printSize(this.padding) }
  }
}
