/** jit and vjp: when they trace, what they return, what they refuse. */
import { describe, expect, test } from '@jest/globals'
import {
  add,
  cast,
  conv2d,
  crossEntropy,
  dropout,
  DTypeError,
  flatten,
  jit,
  linear,
  maxPool2d,
  nn,
  openDevice,
  OptionError,
  relu,
  ShapeError,
  tensor,
  vjp,
  type Tensor,
  type Tracer,
} from '../../lib/index.js'
import { testBfloat16 } from '../bfloat16.js'

const floats = (values: readonly number[], shape: readonly number[] = [values.length]): Promise<Tensor<'float32'>> =>
  tensor(Float32Array.from(values), shape)

const valuesOf = async (x: Tensor | undefined): Promise<(number | bigint)[]> => [...(await x!.data())]

/** A traceable function that counts how often it is traced. */
function counting<P extends unknown[], R>(fn: (...args: P) => R): { fn: (...args: P) => R; calls: () => number } {
  let calls = 0
  return {
    fn: (...args) => {
      calls++
      return fn(...args)
    },
    calls: () => calls,
  }
}

describe('tracing happens once', () => {
  testBfloat16('for a type of the same shape', async () => {
    const { fn, calls } = counting((x: Tracer) => relu(x))
    const f = jit(fn)
    await f(await floats([1, 2]))
    await f(await tensor(Float32Array.of(1, 2), [2], { dtype: 'bfloat16' }))
    await f(await floats([1, 2]))
    expect(calls()).toBe(2)
  })

  test('for each shape', async () => {
    const { fn, calls } = counting((x: Tracer) => relu(x))
    const f = jit(fn)
    const a = await floats([1, -1])
    expect(await valuesOf(await f(a))).toEqual([1, 0])
    expect(await valuesOf(await f(await floats([-2, 3])))).toEqual([0, 3])
    expect(calls()).toBe(1)
    await f(await floats([1, 2, 3]))
    await f(await floats([1, 2], [1, 2]))
    expect(calls()).toBe(3)
    await f(a)
    expect(calls()).toBe(3)
  })

  test('for calls at the same time', async () => {
    const { fn, calls } = counting((x: Tracer) => add(x, x))
    const f = jit(fn)
    const inputs = await Promise.all(Array.from({ length: 10 }, (_, i) => floats([i])))
    const outputs = await Promise.all(inputs.map((x) => f(x)))
    expect(calls()).toBe(1)
    expect((await Promise.all(outputs.map(valuesOf))).flat()).toEqual(Array.from({ length: 10 }, (_, i) => 2 * i))
  })

  test('for each device', async () => {
    const { fn, calls } = counting((x: Tracer) => relu(x))
    const f = jit(fn)
    const device = openDevice('cpu', { threads: 1 })
    const y = await f(await tensor(Float32Array.of(-1), [1], { device }))
    await f(await floats([1]))
    expect(y.device).toBe(device)
    expect(calls()).toBe(2)
  })

  test('again for a shape that many others came after', async () => {
    const { fn, calls } = counting((x: Tracer) => x)
    const f = jit(fn)
    for (let size = 1; size <= 257; size++) await f(await floats(Array<number>(size).fill(1)))
    expect(calls()).toBe(257)
    await f(await floats([1, 1]))
    expect(calls()).toBe(257)
    expect(await valuesOf(await f(await floats([-1])))).toEqual([-1])
    expect(calls()).toBe(258)
  })

  test('for vjp too, and again for other parameters or another seed', async () => {
    const layer = new nn.Linear(2, 2).materialize()
    const { fn, calls } = counting((x: Tracer) => layer.trace(x))
    const [x, dy] = [await floats([1, 2], [1, 2]), await floats([1, 1], [1, 2])]
    for (const seed of [1, 1, 2, 2]) await vjp(fn, [x], [dy], { seed })
    expect(calls()).toBe(2)
    for (let i = 0; i < 2; i++) await vjp(fn, [x], [dy], { parameters: [layer.weight] })
    expect(calls()).toBe(3)
    for (let i = 0; i < 2; i++) await vjp(fn, [x], [dy], { parameters: [layer.bias!] })
    expect(calls()).toBe(4)
    await vjp(jit(fn), [x], [dy], { seed: 1 })
    expect(calls()).toBe(4)
  })

  test('and once more after an error', async () => {
    let broken = true
    const f = jit((x: Tracer) => {
      if (broken) throw new RangeError('mine')
      return relu(x)
    })
    const x = await floats([-1])
    await expect(f(x)).rejects.toThrow(RangeError)
    broken = false
    expect(await valuesOf(await f(x))).toEqual([0])
  })
})

describe('results', () => {
  test('are a tensor for a tracer, an array for an array', async () => {
    const x = await floats([-1, 2])
    expect(await valuesOf(await jit((a: Tracer) => relu(a))(x))).toEqual([0, 2])
    const one = await jit((a: Tracer) => [relu(a)])(x)
    expect(one).toHaveLength(1)
    const three = await jit((a: Tracer) => [relu(a), add(a, a), relu(add(a, a))])(x)
    expect(await Promise.all(three.map(valuesOf))).toEqual([
      [0, 2],
      [-2, 4],
      [0, 4],
    ])
  })

  test('that are inputs are copies', async () => {
    const [x, labels] = [await floats([-1, 2]), await tensor(Int32Array.of(3, 4), [2])]
    const [y, same] = (await jit((a: Tracer, b: Tracer) => [a, b])(x, labels)) as [Tensor, Tensor]
    await x.assign(Float32Array.of(9, 9))
    labels.dispose()
    expect(await valuesOf(y)).toEqual([-1, 2])
    expect(await valuesOf(same)).toEqual([3, 4])
    expect(same.dtype).toBe('int32')
  })

  test('that are the same have memory of their own', async () => {
    const [first, second, third] = (await jit((a: Tracer) => {
      const y = relu(a)
      return [y, y, y]
    })(await floats([-1, 2]))) as [Tensor, Tensor, Tensor]
    await first.assign(Float32Array.of(7, 7))
    third.dispose()
    expect(await valuesOf(second)).toEqual([0, 2])
    expect(await valuesOf(first)).toEqual([7, 7])
  })

  test('that are views of each other have memory of their own', async () => {
    const [image, rows] = (await jit((a: Tracer) => {
      const y = relu(a)
      return [y, flatten(y)]
    })(await floats([-1, 2, 3], [1, 3, 1, 1]))) as [Tensor, Tensor]
    await image.assign(Float32Array.of(7, 7, 7))
    expect(rows.shape).toEqual([1, 3])
    expect(await valuesOf(rows)).toEqual([0, 2, 3])
  })

  test('of many calls at once, whose plans share memory, are right', async () => {
    const f = jit((a: Tracer) => relu(add(relu(add(a, a)), a)))
    const sizes = Array.from({ length: 30 }, (_, i) => 1 + ((i * 7) % 12))
    const inputs = await Promise.all(sizes.map((size, i) => floats(Array<number>(size * 100).fill(i - 10))))
    const outputs = await Promise.all(inputs.map((x) => f(x)))
    for (const [i, y] of outputs.entries()) {
      expect(new Set(await valuesOf(y))).toEqual(new Set([Math.max(0, Math.max(0, 2 * (i - 10)) + i - 10)]))
    }
  })
})

describe('what a function closes over', () => {
  test('is read when the function runs', async () => {
    const w = await floats([1, 2])
    const { fn, calls } = counting((x: Tracer) => add(x, x.lift(w)))
    const f = jit(fn)
    const x = await floats([10, 20])
    expect(await valuesOf(await f(x))).toEqual([11, 22])
    await w.assign(Float32Array.of(5, 5))
    expect(await valuesOf(await f(x))).toEqual([15, 25])
    expect(calls()).toBe(1)
  })

  test('may be used without lift, on either side', async () => {
    const w = await floats([1, 2])
    const x = await floats([10, 20])
    const loose = add as unknown as (a: unknown, b: unknown) => Tracer
    expect(await valuesOf(await jit((a: Tracer) => loose(a, w))(x))).toEqual([11, 22])
    expect(await valuesOf(await jit((a: Tracer) => loose(w, a))(x))).toEqual([11, 22])
    expect(await valuesOf(await jit((a: Tracer) => relu(loose(loose(w, a), w)))(x))).toEqual([12, 24])
  })

  test('may be returned', async () => {
    const w = await floats([1, 2])
    const y = await jit((a: Tracer) => a.lift(w))(await floats([0]))
    w.dispose()
    expect(await valuesOf(y)).toEqual([1, 2])
  })

  test('has gradients if they are asked for', async () => {
    const layer = new nn.Linear(2, 1, { bias: false }).materialize()
    await layer.weight.write(Float32Array.of(3, 4))
    const { outputs, gradients, parameterGradients } = await vjp(
      (x: Tracer) => layer.trace(x),
      [await floats([1, 2], [1, 2])],
      [await floats([10], [1, 1])],
      { parameters: [layer.weight, new nn.Linear(1, 1).materialize().weight] },
    )
    expect(await valuesOf(outputs[0])).toEqual([11])
    expect(await valuesOf(gradients[0])).toEqual([30, 40])
    expect(await valuesOf(parameterGradients[0])).toEqual([10, 20])
    expect(parameterGradients[1]).toBeUndefined()
  })

  test('that is a result of another trace is refused', async () => {
    let kept: Tracer | undefined
    const keep = jit((x: Tracer) => (kept = relu(x)))
    const x = await floats([1])
    await keep(x)
    await expect(jit((a: Tracer) => add(a, kept!))(x)).rejects.toThrow(OptionError)
    await expect(jit((a: Tracer) => add(a, kept!))(x)).rejects.toThrow('tracer of another trace')
  })

  test('that is a promise is refused, with what to do', async () => {
    const w = await floats([1])
    const wrong = jit((a: Tracer) => add(a, relu(w) as never))
    await expect(wrong(w)).rejects.toThrow(OptionError)
    await expect(wrong(w)).rejects.toThrow('add: expected a tracer, tensor or parameter; received Promise')
    await expect(jit((a: Tracer) => add(a, 5 as never))(w)).rejects.toThrow('received Number')
    await expect(jit((a: Tracer) => add(a, null as never))(w)).rejects.toThrow(OptionError)
  })
})

describe('jit refuses', () => {
  /** jit, of what TypeScript would not let through. */
  const jitted = (fn: unknown): ((...inputs: Tensor[]) => Promise<unknown>) => jit(fn as (...inputs: Tracer[]) => Tracer)

  test.each([[undefined], [5], ['relu'], [{}], [null]])('to compile %p', (fn) => {
    expect(() => jit(fn as never)).toThrow(OptionError)
    expect(() => jit(fn as never)).toThrow('jit: expected a function')
  })

  test('async functions, also those that reject', async () => {
    const x = await floats([1])
    const rejections: unknown[] = []
    const onRejection = (reason: unknown): void => void rejections.push(reason)
    process.on('unhandledRejection', onRejection)
    await expect(jitted(async (a: Tracer) => Promise.resolve(relu(a)))(x)).rejects.toThrow('must not be async')
    await expect(jitted(() => Promise.reject(new Error('mine')))(x)).rejects.toThrow(OptionError)
    await new Promise((resolve) => setTimeout(resolve, 10))
    process.off('unhandledRejection', onRejection)
    expect(rejections).toEqual([])
  })

  test.each<[string, (x: Tracer) => unknown]>([
    ['nothing', () => undefined],
    ['a number', () => 5],
    ['an empty array', () => []],
    ['an array with a number', (x) => [relu(x), 5]],
    ['an array of arrays', (x) => [[relu(x)]]],
    ['an object', (x) => ({ y: relu(x) })],
  ])('functions that return %s', async (_, fn) => {
    await expect(jitted(fn)(await floats([1]))).rejects.toThrow(OptionError)
    await expect(jitted(fn)(await floats([1]))).rejects.toThrow('must return a tracer or an array of them')
  })

  test('what is no tensor', async () => {
    const f = jit((...inputs: Tracer[]) => relu(inputs[0]!))
    await expect(f()).rejects.toThrow('at least one tensor')
    for (const wrong of [5, 'x', new Float32Array(1), Promise.resolve(1), {}]) {
      await expect(f(wrong as never)).rejects.toThrow(OptionError)
      await expect(f(await floats([1]), wrong as never)).rejects.toThrow('takes tensors')
    }
    await expect(f(null as never)).rejects.toThrow(OptionError)
  })

  test('shapes that do not fit, and goes on', async () => {
    const f = jit((x: Tracer, w: Tracer) => conv2d(x, w))
    const w = await floats(Array<number>(9).fill(1), [1, 1, 3, 3])
    await expect(f(await floats([1, 2, 3, 4], [1, 1, 2, 2]), w)).rejects.toThrow(ShapeError)
    await expect(f(await floats([1, 2, 3, 4], [1, 1, 2, 2]), w)).rejects.toThrow('larger than the padded input [2, 2]')
    const ones = await floats(Array<number>(9).fill(1), [1, 1, 3, 3])
    expect(await valuesOf(await f(ones, w))).toEqual([9])
  })
})

describe('vjp', () => {
  const matrix = (): Promise<Tensor> => floats([1, -2, 3, 4], [2, 2])

  test('gives a gradient per input, undefined where there is none', async () => {
    const [a, b] = [await matrix(), await matrix()]
    const { gradients } = await vjp((...inputs: Tracer[]) => relu(inputs[0]!), [a, b], [await matrix()])
    expect(await valuesOf(gradients[0])).toEqual([1, 0, 3, 4])
    expect(gradients[1]).toBeUndefined()
  })

  test('takes a tensor that is given twice as two inputs', async () => {
    const x = await matrix()
    const { gradients } = await vjp((a: Tracer, b: Tracer) => add(relu(a), b), [x, x], [x])
    expect(await valuesOf(gradients[0])).toEqual([1, 0, 3, 4])
    expect(await valuesOf(gradients[1])).toEqual([1, -2, 3, 4])
  })

  test('of the identity is the cotangent', async () => {
    const { outputs, gradients } = await vjp((a: Tracer) => a, [await matrix()], [await floats([5, 6, 7, 8], [2, 2])])
    expect(await valuesOf(outputs[0])).toEqual([1, -2, 3, 4])
    expect(await valuesOf(gradients[0])).toEqual([5, 6, 7, 8])
  })

  test('adds over several outputs', async () => {
    const dy = await floats([1, 1, 1, 1], [2, 2])
    const { outputs, gradients } = await vjp((a: Tracer) => [relu(a), a, relu(a)], [await matrix()], [dy, dy, dy])
    expect(outputs).toHaveLength(3)
    expect(await valuesOf(gradients[0])).toEqual([3, 1, 3, 3])
  })

  test('drops in the gradient what it dropped', async () => {
    const ones = await floats(Array<number>(64).fill(1), [4, 16])
    const { outputs, gradients } = await vjp((x: Tracer) => dropout(x, { p: 0.5, seed: 3 }), [ones], [ones])
    const kept = await valuesOf(outputs[0])
    expect(new Set(kept)).toEqual(new Set([0, 2]))
    expect(await valuesOf(gradients[0])).toEqual(kept)
  })

  test('trains modules only if it is told so', async () => {
    const layer = new nn.Dropout(0.5)
    const ones = await floats(Array<number>(64).fill(1), [4, 16])
    const fn = (x: Tracer): Tracer => layer.trace(x)
    const outputOf = async (options: object): Promise<unknown> => valuesOf((await vjp(fn, [ones], [ones], options)).outputs[0])
    expect(new Set((await outputOf({})) as number[])).toEqual(new Set([1]))
    const first = await outputOf({ training: true, seed: 1 })
    expect(new Set(first as number[])).toEqual(new Set([0, 2]))
    expect(await outputOf({ training: true, seed: 1 })).toEqual(first)
    expect(await outputOf({ training: true, seed: 2 })).not.toEqual(first)
  })

  testBfloat16('goes through casts and pooling in their types', async () => {
    const x = await floats([1, 2, 3, 4], [1, 1, 2, 2])
    const dy = await tensor(Float32Array.of(3), [1, 1, 1, 1], { dtype: 'bfloat16' })
    const { outputs, gradients } = await vjp((a: Tracer) => maxPool2d(cast(a, 'bfloat16'), 2), [x], [dy])
    expect(outputs[0]!.dtype).toBe('bfloat16')
    expect(gradients[0]!.dtype).toBe('float32')
    expect(await valuesOf(gradients[0])).toEqual([0, 0, 0, 3])
  })

  test.each<[string, () => Promise<Tensor>[], new (...args: never[]) => Error, string]>([
    ['no cotangent', () => [], OptionError, 'one cotangent per output, 1; received 0'],
    ['one too many', () => [matrix(), matrix()], OptionError, 'received 2'],
    ['one of another shape', () => [floats([1, 2, 3, 4])], ShapeError, 'cotangent 0 must have shape [2, 2]; received [4]'],
    [
      'one of another type',
      () => [tensor(new Float32Array(4), [2, 2], { dtype: 'bfloat16' })],
      DTypeError,
      'cotangent 0 must be float32; received bfloat16',
    ],
    ['what is no tensor', () => [Promise.resolve(5 as never)], OptionError, 'takes tensors'],
  ])('refuses %s', async (_, cotangents, errorClass, message) => {
    const fn = (a: Tracer): Tracer => relu(a)
    const flowing = await Promise.all(cotangents())
    await expect(vjp(fn, [await matrix()], flowing)).rejects.toThrow(errorClass)
    await expect(vjp(fn, [await matrix()], flowing)).rejects.toThrow(message)
  })

  test.each([[undefined], [5], [{}]])('refuses to differentiate %p', async (fn) => {
    await expect(vjp(fn as never, [await matrix()], [await matrix()])).rejects.toThrow(OptionError)
  })

  test('has no gradients of labels', async () => {
    const labels = await tensor(Int32Array.of(0, 1), [2])
    const { gradients } = await vjp((x: Tracer, y: Tracer) => crossEntropy(x, y), [await matrix(), labels], [await floats([1])])
    expect(gradients[0]!.shape).toEqual([2, 2])
    expect(gradients[1]).toBeUndefined()
  })

  test('of many calls at once is right', async () => {
    const fn = (x: Tracer, w: Tracer): Tracer => relu(linear(x, w))
    const results = await Promise.all(
      Array.from({ length: 10 }, async (_, i) => {
        const [x, w, dy] = [await floats([i, 1], [1, 2]), await floats([1, 1], [1, 2]), await floats([2], [1, 1])]
        const { gradients } = await vjp(fn, [x, w], [dy])
        return valuesOf(gradients[1])
      }),
    )
    expect(results).toEqual(Array.from({ length: 10 }, (_, i) => [2 * i, 2]))
  })
})
