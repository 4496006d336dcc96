/** Layers as the code that makes them. */

/** A size per spatial dimension; one number where both are the same. */
export function printSize([height, width]: readonly [number, number]): string {
  return height === width ? String(height) : `[${height}, ${width}]`
}

/** The options that are not what they are by default: `{ stride: 2 }`, or nothing. */
export function printOptions(
  options: Readonly<Record<string, string>>,
  defaults: Readonly<Record<string, string>>,
): string[] {
  const said = Object.entries(options).filter(([name, value]) => value !== defaults[name])
  return said.length === 0 ? [] : [`{ ${said.map(([name, value]) => `${name}: ${value}`).join(', ')} }`]
}
