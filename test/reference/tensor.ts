/** The tensors of the float64 reference: logical order (NCHW, OIHW), row-major, nothing else. */

export interface RefTensor {
  readonly shape: readonly number[]
  readonly data: Float64Array
}

/** A size for each of height and width. */
export type Pair = readonly [number, number]

/** Four sizes: [N,C,H,W], or [O,C,kh,kw]. */
export type Shape4 = readonly [number, number, number, number]

export const elementCount = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1)

/** A tensor of the given values. */
export function tensor(values: ArrayLike<number>, shape: readonly number[]): RefTensor {
  if (values.length !== elementCount(shape)) {
    throw new RangeError(`shape [${shape.join(', ')}] wants ${elementCount(shape)} values, not ${values.length}`)
  }
  return { shape, data: Float64Array.from(values) }
}

export const zeros = (shape: readonly number[]): RefTensor => ({ shape, data: new Float64Array(elementCount(shape)) })

/** Applies a function to every element. */
export const map = (x: RefTensor, f: (value: number, index: number) => number): RefTensor => ({
  shape: x.shape,
  data: x.data.map(f),
})

/** The sizes of a shape of rank 4. */
export function shape4(shape: readonly number[]): Shape4 {
  if (shape.length !== 4) throw new RangeError(`expected rank 4, received [${shape.join(', ')}]`)
  return shape as unknown as Shape4
}

/** The sizes of a shape of rank 2. */
export function shape2(shape: readonly number[]): Pair {
  if (shape.length !== 2) throw new RangeError(`expected rank 2, received [${shape.join(', ')}]`)
  return shape as unknown as Pair
}

/** Where element (a, b, c, d) of a tensor of rank 4 lies. */
export const at4 = ([, B, C, D]: Shape4, a: number, b: number, c: number, d: number): number =>
  ((a * B + b) * C + c) * D + d
