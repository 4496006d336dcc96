/** Layers as plain data, so that one can be given on the command line, and what each computes. */
import { z } from 'zod'
import { OptionError } from '../errors.js'
import { elementCount, type TensorSpec } from '../graph/graph.js'
import type { Tracer } from '../graph/trace.js'
import { avgPool2d } from '../ops/avgPool2d.js'
import { conv2d } from '../ops/conv2d.js'
import { crossEntropy } from '../ops/crossEntropy.js'
import { dropout } from '../ops/dropout.js'
import { linear } from '../ops/linear.js'
import { maxPool2d } from '../ops/maxPool2d.js'
import { relu } from '../ops/relu.js'
import { sgdOp } from '../ops/training.js'
import { recipes } from '../models/recipes.js'
import type { Direction } from './benchmark.js'

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
  z.strictObject({ kind: z.literal('crossEntropy'), rows: size, classes: size }),
  z.strictObject({ kind: z.literal('sgd'), parameters: size }),
])

/**
 * A layer of given sizes. Convolutions and dense layers have a bias; `crossEntropy` is softmax cross-entropy, and `sgd` the
 * update of so many parameters as `recipes.fast` does it, with Nesterov momentum and clipping.
 */
export type Layer = z.infer<typeof layerSchema>
/** A layer as it may be written, without what has a default. */
export type LayerInput = z.input<typeof layerSchema>

/** Throws OptionError that says what is wrong with it. */
export function parseLayer(layer: unknown): Layer {
  const result = layerSchema.safeParse(layer)
  if (result.success) return result.data
  throw new OptionError(`layer: ${z.prettifyError(result.error).replaceAll('\n', ' ')}; received ${JSON.stringify(layer)}`)
}

/** The directions that there are: an update has no gradient. */
export function directionsOf({ kind }: Layer | LayerInput): readonly Direction[] {
  return kind === 'sgd' ? ['forward'] : ['forward', 'backward']
}

/** The specs of a layer's inputs: what it computes on in the activations' type, parameters in float32. */
export function inputsOf(layer: Layer, dtype: 'float32' | 'bfloat16'): TensorSpec[] {
  const float = (...shape: number[]): TensorSpec => ({ shape, dtype: 'float32' })
  switch (layer.kind) {
    case 'conv2d': {
      const { input: x, outChannels, kernelSize } = layer
      return [{ shape: x, dtype }, float(outChannels, x[1], kernelSize, kernelSize), float(outChannels)]
    }
    case 'linear': {
      const { rows, inFeatures, outFeatures } = layer
      return [{ shape: [rows, inFeatures], dtype }, float(outFeatures, inFeatures), float(outFeatures)]
    }
    case 'crossEntropy':
      return [
        { shape: [layer.rows, layer.classes], dtype },
        { shape: [layer.rows], dtype: 'int32' },
      ]
    case 'sgd': {
      const flat = float(layer.parameters)
      return [flat, flat, float(1), { shape: [4], dtype: 'int64' }, flat]
    }
    default:
      return [{ shape: layer.input, dtype }]
  }
}

/** How many parameters a layer has. */
export function parametersOf(layer: Layer): number {
  if (layer.kind === 'sgd') return layer.parameters
  if (layer.kind !== 'conv2d' && layer.kind !== 'linear') return 0
  const [, ...parameters] = inputsOf(layer, 'float32')
  return parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0)
}

/** Computes the layer of tracers of its inputs. */
export function applyLayer(layer: Layer, inputs: readonly Tracer[]): Tracer[] {
  const [x, ...others] = inputs
  switch (layer.kind) {
    case 'conv2d':
      return [conv2d(x!, others[0]!, others[1], { stride: layer.stride, padding: layer.padding })]
    case 'linear':
      return [linear(x!, others[0]!, others[1])]
    case 'maxPool2d':
      return [maxPool2d(x!, layer.kernelSize, { stride: layer.stride })]
    case 'avgPool2d':
      return [avgPool2d(x!, layer.kernelSize, { stride: layer.stride })]
    case 'relu':
      return [relu(x!)]
    case 'dropout':
      return [dropout(x!, { p: 0.5 })]
    case 'crossEntropy':
      return [crossEntropy(x!, others[0]!)]
    case 'sgd': {
      const { momentum, dampening, weightDecay, nesterov, clipGradNorm } = recipes.fast.optimizer
      return x!.builder.apply(sgdOp, { momentum, dampening, weightDecay, nesterov, clipGradNorm }, inputs)
    }
  }
}
