/** The binding, through the real addon: devices’ memory and kernels, used and abused. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { NativeDevice } from '../../lib/native/binding.js'
import { addon, failure, fill, planOf } from '../native.js'

let device: NativeDevice
beforeAll(() => {
  device = addon.createDevice({ index: 0, threads: 1 })
})
afterAll(() => {
  device.dispose()
})

describe('the addon', () => {
  test('says what it is', () => {
    expect(addon.backend).toBe('onednn')
    expect(new Set(addon.ops).size).toBe(addon.ops.length)
    expect(addon.info()).toMatchObject({ oneDNN: expect.stringMatching(/^3\./) })
  })

  test('opens devices', () => {
    expect(device.threads).toBe(1)
    expect(device.freeBytes()).toBeGreaterThan(1 << 20)
    const other = addon.createDevice({ index: 0, threads: 2 })
    expect(other.threads).toBe(2)
    other.dispose()
  })

  test.each<[string, unknown, string, string]>([
    ['nothing', undefined, 'TypeError', 'options: expected an object, received undefined'],
    ['a string', 'cpu', 'TypeError', 'options: expected an object, received a string'],
    ['no index', { threads: 0 }, 'TypeError', 'options.index: expected a number, received undefined'],
    ['a negative index', { index: -1, threads: 0 }, 'Error', 'options.index: expected an integer of 0'],
    ['NaN threads', { index: 0, threads: NaN }, 'Error', 'options.threads: expected an integer of 0'],
    ['half a thread', { index: 0, threads: 0.5 }, 'Error', 'received 0.5'],
    ['threads as a string', { index: 0, threads: '2' }, 'TypeError', 'options.threads: expected a number'],
  ])('refuses options: %s', async (_, options, name, message) => {
    const error = await failure(() => addon.createDevice(options as never))
    expect(error).toMatchObject({ name, code: 'ERR_OPTION', message: expect.stringContaining(message) })
  })

  test('has no second CPU', async () => {
    expect(await failure(() => addon.createDevice({ index: 1, threads: 0 }))).toMatchObject({ code: 'ERR_DEVICE' })
  })

  test('lets an error through that JavaScript throws while it reads', async () => {
    const options = {
      get index(): number {
        throw new RangeError('mine')
      },
      threads: 0,
    }
    expect(await failure(() => addon.createDevice(options))).toMatchObject({ name: 'RangeError', message: 'mine' })
  })
})

describe('buffers', () => {
  test('are zeroed and know their size', async () => {
    const buffer = device.createBuffer(10)
    expect(buffer.byteLength).toBe(10)
    expect([...new Uint8Array(await device.read(buffer, 0, 10))]).toEqual(Array(10).fill(0))
  })

  test('may have anything in them, and nothing else than that or zeros', async () => {
    const buffer = device.createBuffer(10, 'undefined')
    await device.write(buffer, 0, new Uint8Array(10).fill(3))
    expect([...new Uint8Array(await device.read(buffer, 0, 10))]).toEqual(Array(10).fill(3))
    const contents = { code: 'ERR_OPTION', message: expect.stringContaining("'zeros' or 'undefined', received 'ones'") }
    expect(await failure(() => device.createBuffer(10, 'ones' as never))).toMatchObject(contents)
    expect(await failure(() => device.createBuffer(10, 1 as never))).toMatchObject({ code: 'ERR_OPTION', name: 'TypeError' })
  })

  test('take any view and give back what was written', async () => {
    const shared = new Uint8Array(new SharedArrayBuffer(4), 1, 2).fill(7)
    const views: [ArrayBufferView, number[]][] = [
      [Uint8Array.of(1, 2, 3), [1, 2, 3]],
      [Uint8Array.of(9, 1, 2, 9).subarray(1, 3), [1, 2]],
      [new DataView(Uint8Array.of(9, 4, 5).buffer, 1), [4, 5]],
      [Buffer.from([6, 7]), [6, 7]],
      [Int16Array.of(0x0201), [1, 2]],
      [Float64Array.of(2), [0, 0, 0, 0, 0, 0, 0, 64]],
      [BigInt64Array.of(3n), [3, 0, 0, 0, 0, 0, 0, 0]],
      [shared, [7, 7]],
      [new Uint8Array(0), []],
    ]
    for (const [view, bytes] of views) {
      const buffer = device.createBuffer(16)
      await device.write(buffer, 5, view)
      const expected = [0, 0, 0, 0, 0, ...bytes, ...Array<number>(11).fill(0)].slice(0, 16)
      expect([...new Uint8Array(await device.read(buffer, 0, 16))]).toEqual(expected)
      expect([...new Uint8Array(await device.read(buffer, 5, bytes.length))]).toEqual(bytes)
    }
  })

  test('copy what is written at once, and keep the order of calls', async () => {
    const buffer = device.createBuffer(4)
    const data = Uint8Array.of(1, 2, 3, 4)
    const calls = [device.write(buffer, 0, data), device.read(buffer, 0, 4)]
    data.fill(9)
    calls.push(device.write(buffer, 1, data.subarray(0, 1)), device.read(buffer, 0, 4))
    const [, first, , second] = (await Promise.all(calls)) as ArrayBuffer[]
    expect([...new Uint8Array(first!)]).toEqual([1, 2, 3, 4])
    expect([...new Uint8Array(second!)]).toEqual([1, 9, 3, 4])
  })

  test('are collected as garbage before memory runs out', async () => {
    const bytes = Math.floor(device.freeBytes() / 16)
    for (let i = 0; i < 64; i++) {
      device.createBuffer(bytes)
      await new Promise((resolve) => setImmediate(resolve))
    }
  })

  test('that are too large say how much was needed and free', () => {
    let error: unknown
    try {
      device.createBuffer(2 ** 50)
    } catch (caught) {
      error = caught
    }
    expect(error).toMatchObject({ code: 'ERR_OUT_OF_MEMORY', neededBytes: 2 ** 50 })
    expect((error as { freeBytes: number }).freeBytes).toBeGreaterThan(0)
    expect(device.createBuffer(1).byteLength).toBe(1)
  })

  test.each<[string, unknown, string]>([
    ['nothing', undefined, 'TypeError'],
    ['a string', '8', 'TypeError'],
    ['a bigint', 8n, 'TypeError'],
    ['zero', 0, 'Error'],
    ['a negative number', -8, 'Error'],
    ['a fraction', 1.5, 'Error'],
    ['NaN', NaN, 'Error'],
    ['infinity', Infinity, 'Error'],
    ['more than an exact integer', 2 ** 53, 'Error'],
  ])('refuse as size: %s', async (_, bytes, name) => {
    const error = await failure(() => device.createBuffer(bytes as never))
    expect(error).toMatchObject({ name, code: 'ERR_OPTION', message: expect.stringContaining('bytes') })
  })

  test.each<[string, number, number]>([
    ['one byte too many', 0, 9],
    ['an offset at the end', 8, 1],
    ['an offset behind the end', 9, 0],
    ['a size whose sum overflows', 8, Number.MAX_SAFE_INTEGER],
  ])('refuse a range: %s', async (_, byteOffset, bytes) => {
    const buffer = device.createBuffer(8)
    const expected = { code: 'ERR_OPTION', message: expect.stringContaining("within the buffer's 8 bytes") }
    expect(await failure(() => device.read(buffer, byteOffset, bytes))).toMatchObject(expected)
    if (bytes > 16) return
    expect(await failure(() => device.write(buffer, byteOffset, new Uint8Array(bytes)))).toMatchObject(expected)
  })

  test.each<[string, unknown[]]>([
    ['no buffer', []],
    ['a plain object', [{ byteLength: 8 }, 0, new Uint8Array(1)]],
    ['an ArrayBuffer as the buffer', [new ArrayBuffer(8), 0, new Uint8Array(1)]],
    ['no offset', ['buffer']],
    ['no data', ['buffer', 0]],
    ['an ArrayBuffer as data', ['buffer', 0, new ArrayBuffer(4)]],
    ['an array as data', ['buffer', 0, [1, 2]]],
    ['a string as data', ['buffer', 0, 'ab']],
  ])('refuse to be written: %s', async (_, args) => {
    const buffer = device.createBuffer(8)
    const given = args.map((arg) => (arg === 'buffer' ? buffer : arg))
    const error = await failure(() => Reflect.apply(device.write.bind(device), undefined, given))
    expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_OPTION' })
  })

  test('are of one device', async () => {
    const other = addon.createDevice({ index: 0, threads: 1 })
    const buffer = other.createBuffer(8)
    const expected = { code: 'ERR_OPTION', message: expect.stringContaining('belongs to another device') }
    expect(await failure(() => device.read(buffer, 0, 1))).toMatchObject(expected)
    const plan = await planOf(device, fill(1, { shape: [2], dtype: 'float32' }))
    expect(await failure(() => plan.run(1, [buffer], [0]))).toMatchObject(expected)
    other.dispose()
  })

  test('that were disposed are refused, and may be disposed again', async () => {
    const buffer = device.createBuffer(8)
    buffer.dispose()
    buffer.dispose()
    expect(await failure(() => device.read(buffer, 0, 1))).toMatchObject({ code: 'ERR_DISPOSED' })
    expect(await failure(() => device.write(buffer, 0, Uint8Array.of(1)))).toMatchObject({ code: 'ERR_DISPOSED' })
  })
})

describe('kernels', () => {
  test('say their sizes', async () => {
    const shape = [1, 8, 6, 6]
    const [kernel] = await device.createKernels([fill(1, { shape: [3, 5], dtype: 'float32' })])
    expect(kernel).toMatchObject({ workspaceBytes: 0, outputBytes: [60], packs: [] })
    const pool = { kernelSize: [2, 2], stride: [2, 2], padding: [0, 0] }
    const [maxPool] = await device.createKernels([
      {
        op: 'maxPool2d',
        attributes: pool,
        inputs: [{ shape, dtype: 'float32' }],
        outputs: [
          { shape: [1, 8, 3, 3], dtype: 'float32' },
          { shape: [0], dtype: 'opaque' },
        ],
      },
    ])
    expect(maxPool!.outputBytes[0]).toBe(8 * 9 * 4)
    expect(maxPool!.outputBytes[1]).toBeGreaterThan(0)
  })

  test('come in the order of their descriptions', async () => {
    const sizes = [7, 3, 5, 1]
    const kernels = await device.createKernels(sizes.map((size) => fill(0, { shape: [size], dtype: 'float32' })))
    expect(kernels.map((kernel) => kernel.outputBytes[0])).toEqual(sizes.map((size) => 4 * size))
    expect(await device.createKernels([])).toEqual([])
  })

  test('that cannot be made reject with the name of their op', async () => {
    const good = fill(0, { shape: [1], dtype: 'float32' })
    const make = (changes: object) => failure(() => device.createKernels([good, { ...good, ...changes }]))
    expect(await make({ op: 'nonesuch' })).toMatchObject({ message: expect.stringContaining('nonesuch') })
    expect(await make({ attributes: {} })).toMatchObject({
      code: 'ERR_OPTION',
      message: expect.stringMatching(/fill.*value/),
    })
    expect(await make({ attributes: { value: 'x' } })).toMatchObject({ code: 'ERR_OPTION' })
    expect(await make({ inputs: good.outputs })).toMatchObject({ code: expect.stringMatching(/^ERR_/) })
    const huge = { outputs: [{ shape: [2 ** 30, 2 ** 30], dtype: 'float32' }] }
    expect(await make(huge)).toMatchObject({ code: 'ERR_SHAPE', message: expect.stringContaining('2^53') })
  })

  test.each<[string, unknown, string]>([
    ['no list', undefined, 'descriptions: expected an array'],
    ['an object', {}, 'descriptions: expected an array, received another object'],
    ['a sparse list', new Array(2 ** 31), 'descriptions[0]: expected an object, received undefined'],
    ['a number', [1], 'descriptions[0]: expected an object, received 1'],
    ['no op', [{}], 'descriptions[0].op: expected a string'],
    ['no attributes', [{ op: 'fill' }], 'descriptions[0].attributes: expected an object'],
    ['a function', [{ op: 'fill', attributes: { f: () => 0 } }], 'attributes.f: expected a boolean, a number'],
    ['a list of strings', [{ op: 'fill', attributes: { f: ['a'] } }], 'attributes.f[0]: expected a number'],
    ['no outputs', [{ op: 'fill', attributes: {}, inputs: [] }], 'descriptions[0].outputs: expected an array'],
    ['no type', [{ op: 'f', attributes: {}, inputs: [{ shape: [1] }] }], 'inputs[0].dtype: expected a string'],
    ['an unknown type', [{ op: 'f', attributes: {}, inputs: [{ dtype: 'f4' }] }], "element type, received 'f4'"],
    ['no shape', [{ op: 'f', attributes: {}, inputs: [{ dtype: 'int32' }] }], 'inputs[0].shape: expected an array'],
    [
      'a negative size',
      [{ op: 'f', attributes: {}, inputs: [{ dtype: 'int32', shape: [-1] }] }],
      'inputs[0].shape[0]: expected an integer of 0',
    ],
  ])('refuse as descriptions: %s', async (_, descriptions, message) => {
    const error = await failure(() => device.createKernels(descriptions as never))
    expect(error).toMatchObject({ code: 'ERR_OPTION', message: expect.stringContaining(message) })
  })
})
