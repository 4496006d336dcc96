/** All ops. A new one gets a line here. */
import { OptionError } from '../errors.js'
import { addOp } from './add.js'
import { avgPool2dBackwardOp, avgPool2dOp } from './avgPool2d.js'
import { castOp } from './cast.js'
import { conv2dBackwardDataOp, conv2dBackwardWeightsOp, conv2dOp } from './conv2d.js'
import { softmaxCrossEntropyOp } from './crossEntropy.js'
import { dropoutOp } from './dropout.js'
import { fillOp } from './fill.js'
import { flattenOp, unflattenOp } from './flatten.js'
import { linearBackwardDataOp, linearBackwardWeightsOp, linearOp } from './linear.js'
import { maxPool2dBackwardOp, maxPool2dOp } from './maxPool2d.js'
import type { OpDefinition } from './op.js'
import { reluBackwardOp, reluOp } from './relu.js'
import { scaleOp } from './scale.js'
import { accumulateMetricsOp, advanceOp, gatherImagesOp, sgdOp } from './training.js'

export const ops: readonly OpDefinition[] = [
  addOp,
  avgPool2dOp,
  avgPool2dBackwardOp,
  castOp,
  conv2dOp,
  conv2dBackwardDataOp,
  conv2dBackwardWeightsOp,
  dropoutOp,
  fillOp,
  flattenOp,
  unflattenOp,
  linearOp,
  linearBackwardDataOp,
  linearBackwardWeightsOp,
  maxPool2dOp,
  maxPool2dBackwardOp,
  reluOp,
  reluBackwardOp,
  scaleOp,
  softmaxCrossEntropyOp,
  accumulateMetricsOp,
  advanceOp,
  gatherImagesOp,
  sgdOp,
]

/** Weights -> opaque, in the layout that one kernel wants. That kernel brings it, so that it is not in the list of ops. */
export const packOp: OpDefinition = { name: 'pack', infer: () => [{ shape: [0], dtype: 'opaque' }] }

const byName: ReadonlyMap<string, OpDefinition> = new Map([...ops, packOp].map((op) => [op.name, op]))

/** The definition of an op. */
export function opDefinition(name: string): OpDefinition {
  const op = byName.get(name)
  if (!op) throw new OptionError(`there is no op named ${name}; the ops are ${[...byName.keys()].join(', ')}`)
  return op
}
