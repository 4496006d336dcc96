/** mlpconv: convolutional networks trained from Node. */
export * from './errors.js'
export { openDevice, type Device, type DeviceName, type OpenOptions } from './device.js'
export type { Peaks } from './native/binding.js'
export type { DType, TensorSpec } from './graph/graph.js'
export type { MatmulPrecision, Tracer, TraceOptions } from './graph/trace.js'
export { jit, vjp, type Jitted, type Traceable, type VjpOptions, type VjpResult } from './jit.js'
export { tensor, Tensor, type TensorOptions } from './tensor.js'

export { add } from './ops/add.js'
export { adaptiveAvgPool2d, avgPool2d, type AvgPool2dOptions } from './ops/avgPool2d.js'
export { cast } from './ops/cast.js'
export { conv2d, type Conv2dOptions } from './ops/conv2d.js'
export { crossEntropy } from './ops/crossEntropy.js'
export { dropout, type DropoutOptions } from './ops/dropout.js'
export { flatten } from './ops/flatten.js'
export { linear, type LinearOptions } from './ops/linear.js'
export { maxPool2d, type Pool2dOptions } from './ops/maxPool2d.js'
export type { Operand } from './ops/op.js'
export { relu } from './ops/relu.js'

export * as nn from './nn/index.js'
export * as init from './init/index.js'
export * as optim from './optim/index.js'
export * as data from './data/index.js'
export type { Dataset } from './data/dataset.js'
export { Random } from './random.js'

export { Trainer, type FitOptions, type Progress } from './trainer/trainer.js'
export type { Epoch } from './trainer/checkpoint.js'
export type { Evaluation } from './trainer/evaluator.js'
export { predictLogits, softmax } from './trainer/predict.js'
export type { Precision, TrainerOptions } from './trainer/options.js'

export { loadNetwork, networkMetadata } from './models/description.js'
export {
  mlpconv,
  NiN,
  ninBlock,
  ninVariants,
  type MlpconvOptions,
  type NinBlockOptions,
  type NiNOptions,
  type NiNVariant,
} from './models/nin.js'
export { recipes, type Recipe, type RecipeName } from './models/recipes.js'
export { benchmark, type BenchmarkOptions, type Direction, type LayerTiming } from './bench/benchmark.js'
export { profile, type NodeProfile, type ProfileOptions, type StepProfile } from './bench/profile.js'
export type { LayerInput } from './bench/layer.js'
export { median, quantile } from './bench/statistics.js'
