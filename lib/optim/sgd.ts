/** Stochastic gradient descent. */
import { requireBoolean, requireNumber, requireOptions } from '../check.js'
import { OptionError } from '../errors.js'

export interface SGDOptions {
  /** The learning rate, at least 0. */
  readonly lr: number
  /** The share of the last update's direction that is kept, at least 0; default 0. */
  readonly momentum?: number
  /** How much less than 1 the gradient counts in the momentum; default 0. */
  readonly dampening?: number
  /** The factor of the parameter that is added to its gradient (L2 penalty), at least 0; default 0. */
  readonly weightDecay?: number
  /** Look ahead along the momentum; wants momentum > 0 and dampening 0. Default false. */
  readonly nesterov?: boolean
  /**
   * The largest norm of the gradient of all parameters together; a larger gradient is scaled down. Default 0: no limit.
   */
  readonly clipGradNorm?: number
}

/** SGD with all of its options: plain data, frozen. */
export type SGD = Readonly<Required<SGDOptions>>

/**
 * Stochastic gradient descent, in the exact order of torch.optim.SGD. In step t, for a parameter p with gradient g:
 *
 *     g = g * min(1, clipGradNorm / (norm(all gradients) + 1e-6))   if clipGradNorm > 0
 *     g = g + weightDecay * p
 *     b = t == 0 ? g : momentum * b + (1 - dampening) * g           if momentum > 0, else b = g
 *     p = p - lr * (nesterov ? g + momentum * b : b)
 *
 * Sutskever, Martens, Dahl and Hinton, "On the importance of initialization and momentum in deep learning", ICML 2013;
 * the clip is that of Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", ICML
 * 2013.
 *
 * @throws OptionError for NaN, infinite or negative numbers, an unknown option, Nesterov without momentum or with
 * dampening
 */
export function SGD(options: SGDOptions): SGD {
  requireOptions('SGD', options, ['lr', 'momentum', 'dampening', 'weightDecay', 'nesterov', 'clipGradNorm'])
  const { lr, momentum = 0, dampening = 0, weightDecay = 0, nesterov = false, clipGradNorm = 0 } = options
  requireNumber('SGD', 'lr', lr, 0)
  requireNumber('SGD', 'momentum', momentum, 0)
  requireNumber('SGD', 'dampening', dampening)
  requireNumber('SGD', 'weightDecay', weightDecay, 0)
  requireBoolean('SGD', 'nesterov', nesterov)
  requireNumber('SGD', 'clipGradNorm', clipGradNorm, 0)
  if (nesterov && (momentum === 0 || dampening !== 0)) {
    throw new OptionError(
      'SGD: nesterov needs momentum > 0 and dampening 0; ' + `received momentum ${momentum} and dampening ${dampening}`,
    )
  }
  return Object.freeze({ lr, momentum, dampening, weightDecay, nesterov, clipGradNorm })
}
