/** Tensors: values, types, memory, and the end of their life. */
import { describe, expect, test } from '@jest/globals'
import {
  add,
  cast,
  conv2d,
  DeviceError,
  DisposedError,
  DTypeError,
  jit,
  openDevice,
  OptionError,
  OutOfMemoryError,
  relu,
  ShapeError,
  tensor,
  Tensor,
} from '../../lib/index.js'

const device = openDevice('cpu')

describe('values', () => {
  test('are what was given, in logical order', async () => {
    const values = Float32Array.from({ length: 24 }, (_, i) => i)
    const x = await tensor(values, [1, 2, 3, 4])
    expect(x).toMatchObject({ shape: [1, 2, 3, 4], dtype: 'float32', device })
    expect(await x.data()).toEqual(values)
  })

  test('have the type of their array', async () => {
    expect((await tensor(Float64Array.of(1.5), [1])).dtype).toBe('float64')
    expect((await tensor(Int32Array.of(-1), [1])).dtype).toBe('int32')
    expect((await tensor(BigInt64Array.of(2n ** 60n), [1])).dtype).toBe('int64')
    expect((await tensor(Uint8Array.of(255), [1])).dtype).toBe('uint8')
    expect(await (await tensor(BigInt64Array.of(2n ** 60n), [1])).data()).toEqual(BigInt64Array.of(2n ** 60n))
    const half = await tensor(Float32Array.of(1, 1.001), [2], { dtype: 'bfloat16' })
    expect(half.dtype).toBe('bfloat16')
    expect(await half.data()).toEqual(Float32Array.of(1, 1))
  })

  test('are copied when the tensor is made', async () => {
    const values = Float32Array.of(1, 2)
    const making = tensor(values, [2])
    values.fill(9)
    expect(await (await making).data()).toEqual(Float32Array.of(1, 2))
  })

  test('are zeros at first', async () => {
    expect(await Tensor.zeros(device, [2, 2], 'int32').data()).toEqual(new Int32Array(4))
  })

  test('may be replaced', async () => {
    const x = await tensor(Float32Array.of(1, 2), [2])
    const y = await relu(x)
    await x.assign(Float32Array.of(-3, 4))
    expect(await x.data()).toEqual(Float32Array.of(-3, 4))
    expect(await relu(x).then((z) => z.data())).toEqual(Float32Array.of(0, 4))
    expect(await y.data()).toEqual(Float32Array.of(1, 2))
    await expect(x.assign(new Float32Array(3))).rejects.toThrow(ShapeError)
    await expect(x.assign(Int32Array.of(1, 2))).rejects.toThrow(DTypeError)
  })

  test('may be cloned, of every type, as they are in their turn', async () => {
    const x = await tensor(Int32Array.of(1, 2), [2])
    const cloning = x.clone()
    const assigning = x.assign(Int32Array.of(3, 4))
    const y = await cloning
    await assigning
    expect(await y.data()).toEqual(Int32Array.of(1, 2))
    x.dispose()
    expect(await y.data()).toEqual(Int32Array.of(1, 2))
    expect(y).toMatchObject({ shape: [2], dtype: 'int32' })
  })

  test('of a scalar have the shape []', async () => {
    expect(await (await tensor(Float32Array.of(5), [])).data()).toEqual(Float32Array.of(5))
  })
})

describe('wrong arguments', () => {
  const values = new Float32Array(4)
  test.each<[string, () => Promise<unknown>, new (...args: never[]) => Error, string]>([
    ['a shape of other size', () => tensor(values, [3]), ShapeError, 'has 3 elements; received 4 values'],
    ['a negative size', () => tensor(values, [-4]), ShapeError, 'positive integers; received [-4]'],
    ['no shape', () => tensor(values, undefined as never), ShapeError, 'received undefined'],
    ['an array of numbers', () => tensor([1, 2] as never, [2]), DTypeError, 'received Array'],
    ['no data', () => tensor(undefined as never, [2]), DTypeError, 'received Undefined'],
    ['another type', () => tensor(values, [4], { dtype: 'int32' as never }), DTypeError, 'received Float32Array'],
    ['an unknown type', () => tensor(values, [4], { dtype: 'half' as never }), DTypeError, 'received "half"'],
    ['a misspelt option', () => tensor(values, [4], { dytpe: 'float32' } as never), OptionError, 'no option dytpe'],
    ['a device that is not there', () => tensor(values, [4], { device: 'cuda:1' }), DeviceError, "'cpu' or 'auto'"],
    ['an unknown device', () => tensor(values, [4], { device: 'gpu' as never }), OptionError, 'received "gpu"'],
    ['a device of another kind', () => tensor(values, [4], { device: {} as never }), OptionError, 'device must be'],
  ])('%s', async (_, make, errorClass, message) => {
    await expect(make()).rejects.toThrow(errorClass)
    await expect(make()).rejects.toThrow(message)
  })
})

describe('a disposed tensor', () => {
  test('is refused everywhere, by name of its shape', async () => {
    const x = await tensor(Float32Array.of(1, 2), [1, 2])
    const other = await tensor(Float32Array.of(1, 2), [1, 2])
    x.dispose()
    x.dispose()
    const double = jit((a, b) => add(a, b))
    const uses: (() => Promise<unknown>)[] = [
      () => x.data(),
      () => x.clone(),
      () => x.assign(Float32Array.of(1, 2)),
      () => relu(x),
      () => add(other, x),
      () => double(other, x),
      () => jit((a) => add(a, a.lift(x)))(other),
    ]
    for (const use of uses) {
      await expect(use()).rejects.toThrow(DisposedError)
      await expect(use()).rejects.toThrow('a tensor of shape [1, 2] was used after dispose()')
    }
    expect(await other.data()).toEqual(Float32Array.of(1, 2))
  })

  test('is disposed by `using`', async () => {
    const x = await tensor(Float32Array.of(1), [1])
    x[Symbol.dispose]()
    await expect(x.data()).rejects.toThrow(DisposedError)
  })

  test('frees its memory at once', async () => {
    const bytes = 2 ** 26
    const x = await tensor(new Uint8Array(bytes), [bytes])
    const before = process.memoryUsage().rss
    x.dispose()
    expect(before - process.memoryUsage().rss).toBeGreaterThan(0.9 * bytes)
  })

  test('is still there for what was asked for before', async () => {
    const x = await tensor(Float32Array.of(-1, 2), [2])
    const pending = relu(x)
    const reading = x.data()
    const y = await pending
    x.dispose()
    expect(await reading).toEqual(Float32Array.of(-1, 2))
    const again = y.data()
    y.dispose()
    expect(await again).toEqual(Float32Array.of(0, 2))
  })

  test('that is a view frees nothing', async () => {
    const whole = await tensor(Float32Array.of(1, 2, 3), [3])
    const view = Tensor.view(device, [2], 'float32', { ...whole.binding, byteOffset: 4 })
    expect(await view.data()).toEqual(Float32Array.of(2, 3))
    view.dispose()
    await expect(view.data()).rejects.toThrow(DisposedError)
    expect(await whole.data()).toEqual(Float32Array.of(1, 2, 3))
  })
})

describe('out of memory', () => {
  const tenTerabytes = [10, 1_000, 1_000, 1_000_000]

  test('a tensor of ten terabytes is an error with sizes, and the process goes on', async () => {
    let error: unknown
    try {
      Tensor.zeros(device, tenTerabytes, 'uint8')
    } catch (caught) {
      error = caught
    }
    expect(error).toBeInstanceOf(OutOfMemoryError)
    expect(error).toMatchObject({ code: 'ERR_OUT_OF_MEMORY', neededBytes: 1e13 })
    expect((error as OutOfMemoryError).freeBytes).toBeGreaterThan(0)
    expect(await (await tensor(Float32Array.of(1), [1])).data()).toEqual(Float32Array.of(1))
  })

  test('so is one whose size is no exact number', () => {
    expect(() => Tensor.zeros(device, [2 ** 50, 2 ** 50], 'float32')).toThrow(OutOfMemoryError)
    expect(() => Tensor.zeros(device, Array(40).fill(2 ** 52), 'float32')).toThrow(OutOfMemoryError)
  })

  test('so is a result, or what lies between', async () => {
    const x = await tensor(Float32Array.of(1), [1, 1, 1, 1])
    const padding = 1_000_000
    await expect(conv2d(x, x, undefined, { padding })).rejects.toThrow(OutOfMemoryError)
    const between = jit((a) => conv2d(conv2d(a, a, undefined, { padding }), a, undefined, { stride: padding }))
    await expect(between(x)).rejects.toThrow(OutOfMemoryError)
    // The arena was given up for the larger one: it is made again.
    const chain = jit((a) => relu(add(relu(a), a)))
    expect(await (await chain(x)).data()).toEqual(Float32Array.of(2))
  })
})

test('tensors of two devices do not mix', async () => {
  const single = openDevice('cpu', { threads: 1 })
  const [x, y] = [await tensor(Float32Array.of(1), [1]), await tensor(Float32Array.of(1), [1], { device: single })]
  expect(y.device).toBe(single)
  await expect(add(x, y)).rejects.toThrow(DeviceError)
  await expect(jit((a) => add(a, a.lift(y)))(x)).rejects.toThrow(DeviceError)
  expect(await (await add(y, y)).data()).toEqual(Float32Array.of(2))
})

test('an op of another type is an error that says which', async () => {
  const x = await tensor(Int32Array.of(1), [1])
  await expect(relu(x)).rejects.toThrow(DTypeError)
  await expect(relu(x)).rejects.toThrow('relu: x must be float32 or bfloat16; received int32')
  await expect(cast(x, 'float32')).rejects.toThrow(DTypeError)
})
