/** What must compile and, by @ts-expect-error, what must not. `npm run typecheck` is the test; nothing here runs. */
import { NiN } from '../../lib/models/nin.js'
import type { Tracer } from '../../lib/graph/trace.js'
import * as nn from '../../lib/nn/index.js'
import { schedule, SGD } from '../../lib/optim/index.js'

export const compiles = (): unknown[] => [
  new nn.Conv2d(3, 5, 3),
  new nn.Conv2d(3, 5, [3, 2], { stride: [1, 2], padding: 1, bias: false }),
  new nn.LazyConv2d(5, 3),
  new nn.MaxPool2d(3, { stride: 2 }),
  new nn.Sequential(new nn.ReLU(), new nn.Sequential()),
  new NiN({ variant: 'mlpconv', channels: [1, 2, 3] }),
  SGD({ lr: 0.1, momentum: 0.9, nesterov: true }),
  schedule.warmupLinearDecay({ warmup: 0.1, decay: 0.5 })(0, 10),
]

export const doesNotCompile = (): unknown[] => [
  // @ts-expect-error -- channels are numbers
  new nn.Conv2d('3', 5),
  // @ts-expect-error -- channels are numbers
  new nn.Conv2d('3', 5, 3),
  // @ts-expect-error -- the kernel's size has no default
  new nn.Conv2d(3, 5),
  // @ts-expect-error -- a size is one number or two
  new nn.Conv2d(3, 5, [3, 3, 3]),
  // @ts-expect-error -- options have names
  new nn.Conv2d(3, 5, 3, 2),
  // @ts-expect-error -- there is no such option
  new nn.Conv2d(3, 5, 3, { dilation: 2 }),
  // @ts-expect-error -- options have names
  new nn.MaxPool2d(3, 2),
  // @ts-expect-error -- a module, not a function
  new nn.Sequential((x: Tracer) => x),
  // @ts-expect-error -- there is no such variant
  new NiN({ variant: 'vgg' }),
  // @ts-expect-error -- three blocks
  new NiN({ channels: [1, 2] }),
  // @ts-expect-error -- lr has no default
  SGD({ momentum: 0.9 }),
  // @ts-expect-error -- camelCase
  SGD({ lr: 0.1, weight_decay: 1e-4 }),
  // @ts-expect-error -- both shares are needed
  schedule.warmupLinearDecay({ warmup: 0.1 }),
  // @ts-expect-error -- forward takes a tracer
  new nn.ReLU().forward(new Float32Array(1)),
]

const sgd = SGD({ lr: 0.1 })
// @ts-expect-error -- data that does not change
sgd.lr = 0.2
