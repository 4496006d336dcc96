import fc from 'fast-check'

/** Damage of all kinds to a file: cut off, bytes changed, taken out, put in, and several of these. */
export function damaged(original: Uint8Array): fc.Arbitrary<Uint8Array> {
  const position = fc.nat(original.length)
  const step = fc.oneof(
    fc.record({ at: position, remove: fc.constant(Infinity), insert: fc.constant(new Uint8Array()) }),
    fc.record({ at: position, remove: fc.constant(1), insert: fc.uint8Array({ minLength: 1, maxLength: 1 }) }),
    fc.record({ at: position, remove: fc.nat(16), insert: fc.uint8Array({ maxLength: 16 }) }),
  )
  return fc.array(step, { minLength: 1, maxLength: 3 }).map((steps) =>
    steps.reduce<Uint8Array>((bytes, { at, remove, insert }) => {
      const rest = bytes.subarray(Math.min(at + remove, bytes.length))
      return Uint8Array.from([...bytes.subarray(0, at), ...insert, ...rest])
    }, original),
  )
}
