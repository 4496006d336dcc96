/** Between typed arrays in logical order and the bytes of device memory. */
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { runInNewContext } from 'node:vm'
import { DTypeError, ShapeError } from '../../lib/errors.js'
import { byteSizes, elementCount, type DType } from '../../lib/graph/graph.js'
import { checkShape, fromDevice, toDevice, type TypedArrays } from '../../lib/layout.js'
import { roundToBfloat16 } from '../reference/data.js'

const bytesOf = (view: ArrayBufferView): ArrayBuffer =>
  view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength) as ArrayBuffer

const roundTrip = <D extends DType>(data: TypedArrays[D], shape: readonly number[], dtype: D): TypedArrays[D] =>
  fromDevice(bytesOf(toDevice(data, shape, dtype)), shape, dtype)

const size = fc.integer({ min: 1, max: 5 })
const shapes = fc.oneof(fc.array(size, { maxLength: 6 }), fc.tuple(size, size, size, size))

test('images and weights are channels-last in memory', () => {
  // [n, c, h, w] holds nchw as digits.
  const [N, C, H, W] = [2, 3, 2, 4]
  const digits: number[] = []
  const expected: number[] = []
  for (let n = 0; n < N; n++)
    for (let c = 0; c < C; c++)
      for (let h = 0; h < H; h++) for (let w = 0; w < W; w++) digits.push(1000 * n + 100 * c + 10 * h + w)
  for (let n = 0; n < N; n++)
    for (let h = 0; h < H; h++)
      for (let w = 0; w < W; w++) for (let c = 0; c < C; c++) expected.push(1000 * n + 100 * c + 10 * h + w)
  expect([...(toDevice(Float32Array.from(digits), [N, C, H, W], 'float32') as Float32Array)]).toEqual(expected)
})

test.each([[[]], [[7]], [[2, 3]], [[2, 3, 4]], [[2, 1, 3, 2, 2]]])('shape %j is row-major in memory', (shape) => {
  const values = Int32Array.from({ length: elementCount(shape) }, (_, i) => i)
  expect([...(toDevice(values, shape, 'int32') as Int32Array)]).toEqual([...values])
})

test('what goes to a device comes back, for every shape and type', () => {
  fc.assert(
    fc.property(shapes, fc.nat(), (shape, seed) => {
      const numbers = Array.from({ length: elementCount(shape) }, (_, i) => (i * 37 + seed) % 128)
      const arrays: { [D in Exclude<DType, 'opaque'>]: TypedArrays[D] } = {
        float32: Float32Array.from(numbers, (value) => value / 3),
        bfloat16: Float32Array.from(numbers),
        float64: Float64Array.from(numbers, (value) => value / 3),
        int32: Int32Array.from(numbers, (value) => -value),
        int64: BigInt64Array.from(numbers, (value) => BigInt(value) << 40n),
        uint8: Uint8Array.from(numbers),
      }
      for (const [dtype, data] of Object.entries(arrays) as [keyof typeof arrays, TypedArrays[DType]][]) {
        expect(toDevice(data, shape, dtype).byteLength).toBe(byteSizes[dtype] * elementCount(shape))
        expect(roundTrip(data, shape, dtype)).toEqual(data)
      }
    }),
  )
})

test('the source is neither changed nor, where its order changes, shared', () => {
  const data = Float32Array.from({ length: 12 }, (_, i) => i)
  const before = data.slice()
  const memory = toDevice(data, [1, 3, 2, 2], 'float32') as Float32Array
  memory.fill(9)
  expect(data).toEqual(before)
})

test('a view takes its own part of a buffer', () => {
  const data = Float32Array.from({ length: 14 }, (_, i) => i).subarray(1, 13)
  expect([...roundTrip(data, [1, 3, 2, 2], 'float32')]).toEqual([...data])
  expect([...roundTrip(data, [12], 'bfloat16')]).toEqual([...data])
})

describe('bfloat16', () => {
  const through = (value: number): number => roundTrip(Float32Array.of(value), [1], 'bfloat16')[0]!

  test('rounds to the nearest, ties to even', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true }), (value) => {
        expect(through(value)).toBe(roundToBfloat16(value))
      }),
      { numRuns: 2000 },
    )
    expect(through(1 + 2 ** -8)).toBe(1)
    expect(through(1 + 3 * 2 ** -8)).toBe(1 + 2 ** -6)
  })

  test('keeps zeros, infinities and NaN, and overflows to infinity', () => {
    expect(through(-0)).toBe(-0)
    expect(through(Infinity)).toBe(Infinity)
    expect(through(-Infinity)).toBe(-Infinity)
    expect(through(3.4e38)).toBe(Infinity)
    expect(through(NaN)).toBeNaN()
    // A NaN whose payload is in the lower half only, and one that rounding would carry over.
    const nans = new Float32Array(Uint32Array.of(0x7f800001, 0xff800001, 0x7fffffff, 0xffffffff).buffer)
    expect([...roundTrip(nans, [4], 'bfloat16')]).toEqual([NaN, NaN, NaN, NaN])
  })
})

describe('typed errors', () => {
  test.each<[ArrayBufferView, string, string]>([
    [Float64Array.of(1), 'float32', 'a float32 tensor is made of a Float32Array; received Float64Array'],
    [Int32Array.of(1), 'bfloat16', 'a bfloat16 tensor is made of a Float32Array; received Int32Array'],
    [Float32Array.of(1), 'uint8', 'a uint8 tensor is made of a Uint8Array or Uint8ClampedArray; received Float32Array'],
    [new DataView(new ArrayBuffer(4)), 'float32', 'received DataView'],
    [Float32Array.of(1), 'float16', 'must be one of float32, bfloat16, float64, int32, int64, uint8; received "float16"'],
    [Uint8Array.of(1), 'opaque', 'received "opaque"'],
    ['abcd' as never, 'float32', 'received String'],
    [[1] as never, 'float32', 'received Array'],
    [undefined as never, 'float32', 'received Undefined'],
  ])('data %#', (data, dtype, message) => {
    expect(() => toDevice(data, [1], dtype as DType)).toThrow(DTypeError)
    expect(() => toDevice(data, [1], dtype as DType)).toThrow(message)
  })

  test('another number of values', () => {
    expect(() => toDevice(new Float32Array(5), [2, 3], 'float32')).toThrow(ShapeError)
    expect(() => toDevice(new Float32Array(5), [2, 3], 'float32')).toThrow('shape [2, 3] has 6 elements; received 5 values')
  })

  test.each([[[2, 0]], [[-1]], [[1.5]], [[NaN]], [[2 ** 53]], [['2']], ['23'], [undefined], [null], [7], [[[2]]]])(
    'shape %j',
    (shape) => {
      expect(() => checkShape(shape as never)).toThrow(ShapeError)
    },
  )

  test('a shape is copied', () => {
    const shape = [1, 2]
    const checked = checkShape(shape)
    shape[0] = 5
    expect(checked).toEqual([1, 2])
  })
})

test('arrays of another realm are arrays', () => {
  const data = runInNewContext('Float32Array.of(1, 2, 3)') as Float32Array
  expect([...roundTrip(data, [3], 'float32')]).toEqual([1, 2, 3])
  const images = runInNewContext('Float32Array.from({ length: 12 }, (_, i) => i)') as Float32Array
  expect([...roundTrip(images, [1, 3, 2, 2], 'bfloat16')]).toEqual([...images])
  const shape = runInNewContext('[1, 2]') as number[]
  expect(checkShape(shape)).toEqual([1, 2])
})
