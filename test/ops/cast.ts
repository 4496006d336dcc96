import { cast } from '../../lib/ops/cast.js'
import { activations } from './arbitraries.js'
import { opCase } from './case.js'

/** To the other type. */
export const castCase = opCase('cast', activations, (shape) => ({
  inputs: [{ role: 'activation', shape }],
  call: ([x]) => cast(x!, x!.dtype === 'float32' ? 'bfloat16' : 'float32'),
  forward: ([x]) => x!,
  backward: (_inputs, dy) => [dy],
}))
