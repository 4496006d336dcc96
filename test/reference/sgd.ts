/** Stochastic gradient descent in the order of PyTorch's torch.optim.SGD and torch.nn.utils.clip_grad_norm_. */

export interface SgdOptions {
  readonly momentum: number
  readonly dampening: number
  readonly weightDecay: number
  readonly nesterov: boolean
  /** The largest norm of the whole gradient; 0: any. */
  readonly clipGradNorm: number
}

export const plainSgd: SgdOptions = { momentum: 0, dampening: 0, weightDecay: 0, nesterov: false, clipGradNorm: 0 }

export interface SgdState {
  readonly parameters: Float64Array
  /** The momentum buffer; absent before the first step, and without momentum. */
  readonly buffer?: Float64Array
}

/** One step, over all parameters of a network as one vector. */
export function sgd(
  { parameters, buffer }: SgdState,
  gradients: Float64Array,
  learningRate: number,
  { momentum, dampening, weightDecay, nesterov, clipGradNorm }: SgdOptions,
): SgdState {
  const norm = Math.sqrt(gradients.reduce((sum, gradient) => sum + gradient * gradient, 0))
  const clip = clipGradNorm > 0 ? Math.min(1, clipGradNorm / (norm + 1e-6)) : 1
  const decayed = gradients.map((gradient, e) => gradient * clip + weightDecay * parameters[e]!)
  const descend = (update: Float64Array): Float64Array =>
    parameters.map((parameter, e) => parameter - learningRate * update[e]!)
  if (momentum === 0) return { parameters: descend(decayed) }
  const next = buffer ? buffer.map((before, e) => momentum * before + (1 - dampening) * decayed[e]!) : decayed
  const update = nesterov ? decayed.map((gradient, e) => gradient + momentum * next[e]!) : next
  return { parameters: descend(update), buffer: next }
}
