/**
 * The name of a value's built-in type, such as `Float32Array`, `Array` or `Null`. Unlike `instanceof` it also knows the
 * objects of other realms (vm contexts); a Buffer is a `Uint8Array`.
 */
export function typeName(value: unknown): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1)
}
