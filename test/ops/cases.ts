/** All ops that have a function of their own. A new one gets a line here. */
import { addCase } from './add.js'
import { adaptiveAvgPool2dCase, avgPool2dCase } from './avgPool2d.js'
import type { OpCase } from './case.js'
import { castCase } from './cast.js'
import { conv2dCase, conv2dReluCase } from './conv2d.js'
import { crossEntropyCase } from './crossEntropy.js'
import { dropoutCase } from './dropout.js'
import { flattenCase } from './flatten.js'
import { linearCase, linearReluCase } from './linear.js'
import { maxPool2dCase } from './maxPool2d.js'
import { reluCase } from './relu.js'

export const cases: readonly OpCase[] = [
  conv2dCase,
  conv2dReluCase,
  linearCase,
  linearReluCase,
  maxPool2dCase,
  avgPool2dCase,
  adaptiveAvgPool2dCase,
  reluCase,
  addCase,
  castCase,
  flattenCase,
  dropoutCase,
  crossEntropyCase,
]
