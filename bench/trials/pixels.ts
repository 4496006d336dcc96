/** Bytes that look random and are the same each time. */
export function pixels(count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, i) => Math.imul(i, 2654435761) >>> 24)
}
