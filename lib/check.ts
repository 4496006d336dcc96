/**
 * Checks of what a user passes to constructors. Each throws an OptionError that says what was expected and what came.
 */
import { OptionError } from './errors.js'
import { describe } from './ops/check.js'

/** Checks that `options` is an object without unknown names, so that no misspelt option is ignored. */
export function requireOptions<T extends object>(
  where: string,
  options: T,
  names: readonly (keyof T & string)[],
): void {
  const given: unknown = options
  const known = names.join(', ')
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new OptionError(`${where}: options must be an object with ${known}; received ${describe(given)}`)
  }
  const unknown = Object.keys(given).find((name) => !(names as readonly string[]).includes(name))
  if (unknown !== undefined) throw new OptionError(`${where}: there is no option ${unknown}; the options are ${known}`)
}

/** Checks that `value` is an integer of at least `least`, and returns it. */
export function requireInteger(where: string, name: string, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value
  throw new OptionError(`${where}: ${name} must be an integer >= ${least}; received ${describe(value)}`)
}

/** Checks that `value` is a finite number of at least `least` and below `bound`, and returns it. */
export function requireNumber(where: string, name: string, value: number, least = -Infinity, bound = Infinity): number {
  if (Number.isFinite(value) && value >= least && value < bound) return value
  const atLeast = least > -Infinity ? ` >= ${least}` : ''
  const below = bound < Infinity ? ` and < ${bound}` : ''
  throw new OptionError(`${where}: ${name} must be a finite number${atLeast}${below}; received ${describe(value)}`)
}

/** Checks that `value` is true or false, and returns it. */
export function requireBoolean(where: string, name: string, value: boolean): boolean {
  if (typeof (value as unknown) === 'boolean') return value
  throw new OptionError(`${where}: ${name} must be true or false; received ${describe(value)}`)
}

/** Checks that `value` is one of `choices`, and returns it. */
export function requireOneOf<T extends string>(where: string, name: string, value: T, choices: readonly T[]): T {
  if (choices.includes(value)) return value
  throw new OptionError(`${where}: ${name} must be one of ${choices.join(', ')}; received ${describe(value)}`)
}
