/** What the pooling layers share: a window and how it moves. */
import { describeShape, type Size2d } from '../ops/check.js'
import { poolAttributes, type PoolAttributes, type Pool2dOptions } from '../ops/maxPool2d.js'
import { Module } from './module.js'

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

  protected override describeOptions(): string {
    return [
      `kernelSize=${describeShape(this.kernelSize)}`,
      `stride=${describeShape(this.stride)}`,
      ...(this.padding.some((size) => size > 0) ? [`padding=${describeShape(this.padding)}`] : []),
    ].join(', ')
  }
}
