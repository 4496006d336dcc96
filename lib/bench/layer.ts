/** Layers as plain data, so that one can be given on the command line, and what each computes. */
import { z } from 'zod'
import { OptionError } from '../errors.js'
import type { TensorSpec } from '../graph/graph.js'
import type { Tracer } from '../graph/trace.js'
import { avgPool2d } from '../ops/avgPool2d.js'
import { conv2d } from '../ops/conv2d.js'
import { dropout } from '../ops/dropout.js'
import { linear } from '../ops/linear.js'
import { maxPool2d } from '../ops/maxPool2d.js'
import { relu } from '../ops/relu.js'

const size = z.int().positive()
/** Logical NCHW. */
const input = z.tuple([size, size, size, size])

export const layerSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('conv2d'),
    input,
    outChannels: size,
    kernelSize: size,
    stride: size.default(1),
    padding: z.int().nonnegative().default(0),
  }),
  z.strictObject({ kind: z.literal('linear'), rows: size, inFeatures: size, outFeatures: size }),
  z.strictObject({ kind: z.literal('maxPool2d'), input, kernelSize: size, stride: size }),
  z.strictObject({ kind: z.literal('avgPool2d'), input, kernelSize: size, stride: size }),
  z.strictObject({ kind: z.literal('relu'), input }),
  z.strictObject({ kind: z.literal('dropout'), input }),
])

/** A layer of given sizes. Convolutions and dense layers have a bias. */
export type Layer = z.infer<typeof layerSchema>
/** A layer as it may be written, without what has a default. */
export type LayerInput = z.input<typeof layerSchema>

/** Throws OptionError that says what is wrong with it. */
export function parseLayer(layer: unknown): Layer {
  const result = layerSchema.safeParse(layer)
  if (result.success) return result.data
  throw new OptionError(`layer: ${z.prettifyError(result.error).replaceAll('\n', ' ')}; received ${JSON.stringify(layer)}`)
}

/** The shapes of a layer's input and of its weight and bias, if it has them. */
export function shapesOf(layer: Layer): { readonly x: readonly number[]; readonly parameters: readonly (readonly number[])[] } {
  switch (layer.kind) {
    case 'conv2d': {
      const { input: x, outChannels, kernelSize } = layer
      return { x, parameters: [[outChannels, x[1], kernelSize, kernelSize], [outChannels]] }
    }
    case 'linear': {
      const { rows, inFeatures, outFeatures } = layer
      return { x: [rows, inFeatures], parameters: [[outFeatures, inFeatures], [outFeatures]] }
    }
    default:
      return { x: layer.input, parameters: [] }
  }
}

/** Computes the layer of tracers. */
export function applyLayer(layer: Layer, [x, weight, bias]: readonly Tracer[]): Tracer {
  switch (layer.kind) {
    case 'conv2d':
      return conv2d(x!, weight!, bias, { stride: layer.stride, padding: layer.padding })
    case 'linear':
      return linear(x!, weight!, bias)
    case 'maxPool2d':
      return maxPool2d(x!, layer.kernelSize, { stride: layer.stride })
    case 'avgPool2d':
      return avgPool2d(x!, layer.kernelSize, { stride: layer.stride })
    case 'relu':
      return relu(x!)
    case 'dropout':
      return dropout(x!, { p: 0.5 })
  }
}

/** The specs of the layer's inputs: x of the activations' type, parameters in float32. */
export function inputsOf(layer: Layer, dtype: 'float32' | 'bfloat16'): TensorSpec[] {
  const { x, parameters } = shapesOf(layer)
  return [{ shape: x, dtype }, ...parameters.map((shape): TensorSpec => ({ shape, dtype: 'float32' }))]
}
