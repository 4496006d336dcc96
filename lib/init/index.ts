/** Initializers: a parameter's first values. PyTorch's torch.nn.init in camelCase. */
export { constant, normal, uniform, zeros } from './basic.js'
export { dirac } from './dirac.js'
export { type Fans, fans, type Initializer } from './initializer.js'
export { kaimingNormal, type KaimingOptions, kaimingUniform, xavierUniform, type XavierOptions } from './scaled.js'
