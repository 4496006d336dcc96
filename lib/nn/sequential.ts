/** Modules one after the other. */
import { OptionError } from '../errors.js'
import type { Tracer } from '../graph/trace.js'
import { describe } from '../ops/check.js'
import { Module } from './module.js'

/**
 * Each module's output is the next one's input. Their names are their indices.
 *
 * @throws OptionError if an argument is not a module
 */
export class Sequential extends Module {
  readonly modules: readonly Module[]

  constructor(...modules: Module[]) {
    super()
    modules.forEach((module: unknown, i) => {
      if (module instanceof Module) return
      throw new OptionError(`Sequential: argument ${i} must be a module; received ${describe(module)}`)
    })
    this.modules = [...modules]
  }

  override children(): readonly (readonly [string, Module])[] {
    return this.modules.map((module, i) => [String(i), module])
  }

  forward(x: Tracer): Tracer {
    return this.children().reduce((input, [name, module]) => module.trace(input, name), x)
  }
}
