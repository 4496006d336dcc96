/** The binding, through the real addon: every object and method, used and abused. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import fc from 'fast-check'
import type { TensorSpec } from '../../lib/graph/graph.js'
import type { KernelDescription, NativeBuffer, NativeDevice, NativeKernel, NativePlan } from '../../lib/native/binding.js'
import { loadAddon } from '../../lib/native/load.js'

const addon = loadAddon('onednn', ['fill', 'add', 'relu'])

/** 4 MiB: a step takes about a millisecond. */
const large: TensorSpec = { shape: [1 << 20], dtype: 'float32' }
const endless = Number.MAX_SAFE_INTEGER

function fill(value: number, output: TensorSpec): KernelDescription {
  return { op: 'fill', attributes: { value }, inputs: [], outputs: [output] }
}

function at(slot: number, byteOffset = 0): { slot: number; byteOffset: number } {
  return { slot, byteOffset }
}

/** A plan of one kernel whose inputs and outputs are the beginnings of slots, in their order. */
async function planOf(device: NativeDevice, description: KernelDescription): Promise<NativePlan> {
  const [kernel] = await device.createKernels([description])
  const count = description.inputs.length
  const bytes = [...description.inputs, ...description.outputs].map((spec) => 4 * spec.shape.reduce((a, b) => a * b, 1))
  return device.createPlan({
    slots: bytes,
    stages: [
      {
        repeat: 1,
        kernels: [
          {
            kernel: kernel!,
            inputs: description.inputs.map((_, i) => at(i)),
            outputs: description.outputs.map((_, i) => at(count + i)),
          },
        ],
      },
    ],
  })
}

async function floats(device: NativeDevice, buffer: NativeBuffer): Promise<number[]> {
  return [...new Float32Array(await device.read(buffer, 0, buffer.byteLength))]
}

/** The error that `work` throws or rejects with, as far as it matters; undefined if it does neither. */
async function failure(work: () => unknown): Promise<{ name: string; code: unknown; message: string } | undefined> {
  try {
    await work()
    return undefined
  } catch (error) {
    const { name, code, message } = error as Error & { code?: unknown }
    return { name, code, message }
  }
}

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

describe('plans', () => {
  const four: TensorSpec = { shape: [4], dtype: 'float32' }
  const step = { op: 'add', attributes: {}, inputs: [four, four], outputs: [four] }
  let adder: NativePlan
  let kernel: NativeKernel
  beforeAll(async () => {
    adder = await planOf(device, step)
    kernel = (await device.createKernels([fill(2, four)]))[0]!
  })

  test('run as many steps as they are told to', async () => {
    const [a, b] = [device.createBuffer(16), device.createBuffer(16)]
    await device.write(a, 0, Float32Array.of(1, 2, 3, 4))
    expect(await adder.run(5, [a, b, b], [0, 0, 0])).toBe(5)
    expect(await floats(device, b)).toEqual([5, 10, 15, 20])
    expect(await adder.run(0, [a, b, b], [0, 0, 0])).toBe(0)
    expect(await floats(device, b)).toEqual([5, 10, 15, 20])
  })

  test('bind slots at offsets, and locations within them', async () => {
    const plan = device.createPlan({
      slots: [32],
      stages: [{ repeat: 2, kernels: [{ kernel, inputs: [], outputs: [at(0, 16)] }] }],
    })
    const buffer = device.createBuffer(40)
    expect(await plan.run(1, [buffer], [8])).toBe(1)
    expect(await floats(device, buffer)).toEqual([0, 0, 0, 0, 0, 0, 2, 2, 2, 2])
  })

  test('run in the order of calls', async () => {
    const [a, b] = [device.createBuffer(16), device.createBuffer(16)]
    const results = await Promise.all([
      device.write(a, 0, Float32Array.of(1, 1, 1, 1)),
      adder.run(2, [a, b, b], [0, 0, 0]),
      device.read(b, 0, 4),
      adder.run(3, [a, b, b], [0, 0, 0]),
      device.read(b, 0, 4),
    ])
    expect([results[1], results[3]]).toEqual([2, 3])
    expect(new Float32Array(results[2])[0]).toBe(2)
    expect(new Float32Array(results[4])[0]).toBe(5)
  })

  test('end when they are cancelled, with whole steps', async () => {
    const plan = await planOf(device, fill(1, large))
    const buffer = device.createBuffer(1 << 22)
    const running = plan.run(endless, [buffer], [0])
    const waiting = plan.run(endless, [buffer], [0])
    await new Promise((resolve) => setTimeout(resolve, 30))
    plan.cancel()
    const later = plan.run(3, [buffer], [0])
    expect(await running).toBeGreaterThan(0)
    expect(await waiting).toBe(0)
    expect(await later).toBe(3)
    plan.cancel()
    expect(await plan.run(2, [buffer], [0])).toBe(2)
  })

  test('leave the event loop free', async () => {
    const plan = await planOf(device, fill(1, large))
    const buffer = device.createBuffer(1 << 22)
    const running = plan.run(endless, [buffer], [0])
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
    plan.cancel()
    expect(await running).toBeGreaterThanOrEqual(0)
  })

  test('keep memory that is disposed while they run', async () => {
    const plan = await planOf(device, fill(1, large))
    const buffer = device.createBuffer(1 << 22)
    const running = plan.run(200, [buffer], [0])
    buffer.dispose()
    expect(await running).toBe(200)
    expect(await failure(() => plan.run(1, [buffer], [0]))).toMatchObject({ code: 'ERR_DISPOSED' })
  })

  test.each<[string, (plan: Record<string, unknown>) => void, string]>([
    ['no slots', (plan) => delete plan.slots, 'plan.slots: expected an array'],
    ['a negative slot', (plan) => (plan.slots = [-1]), 'plan.slots[0]: expected an integer of 0'],
    ['no stages', (plan) => delete plan.stages, 'plan.stages: expected an array'],
    ['no repeat', (plan) => (plan.stages = [{}]), 'plan.stages[0].repeat: expected a number'],
    ['repeat 0', (plan) => (plan.stages = [{ repeat: 0, kernels: [] }]), 'repeat at least once, received 0'],
    ['no kernels', (plan) => (plan.stages = [{ repeat: 1 }]), 'plan.stages[0].kernels: expected an array'],
    ['too small a slot', (plan) => (plan.slots = [15]), 'its 16 bytes do not fit'],
    ['too few slots', (plan) => (plan.slots = []), "one of the plan's 0 slots"],
  ])('refuse descriptions: %s', async (_, change, message) => {
    const description = {
      slots: [16],
      stages: [{ repeat: 1, kernels: [{ kernel, inputs: [], outputs: [at(0)] }] }],
    }
    change(description)
    const error = await failure(() => device.createPlan(description))
    expect(error).toMatchObject({ code: 'ERR_OPTION', message: expect.stringContaining(message) })
  })

  test.each<[string, object, string]>([
    ['no kernel', { kernel: undefined }, '.kernel: expected a NativeKernel of onednn, received undefined'],
    ['something else as kernel', { kernel: {} }, '.kernel: expected a NativeKernel of onednn'],
    ['no outputs', { outputs: undefined }, '.outputs: expected an array, received undefined'],
    ['too few outputs', { outputs: [] }, 'fill: expected 1 outputs, received 0'],
    ['an input', { inputs: [at(0)] }, 'fill: expected 0 inputs, received 1'],
    ['another slot', { outputs: [at(1)] }, "one of the plan's 1 slots"],
    ['an offset behind the end', { outputs: [at(0, 4)] }, 'do not fit'],
    ['a large offset', { outputs: [at(0, endless)] }, 'do not fit'],
    ['a misaligned offset', { outputs: [at(0, 1)] }, 'do not fit'],
    ['a fraction', { outputs: [at(0.5)] }, '.outputs[0].slot: expected an integer'],
    ['no offset', { outputs: [{ slot: 0 }] }, '.outputs[0].byteOffset: expected a number'],
    ['a workspace that is no location', { workspace: 3 }, '.workspace: expected an object, received 3'],
  ])('refuse kernel calls: %s', async (_, changes, message) => {
    const call = { kernel, inputs: [], outputs: [at(0)], ...changes }
    const error = await failure(() => device.createPlan({ slots: [16], stages: [{ repeat: 1, kernels: [call] }] }))
    expect(error).toMatchObject({ code: 'ERR_OPTION', message: expect.stringContaining(message) })
  })

  test('take kernels of their own device only', async () => {
    const other = addon.createDevice({ index: 0, threads: 1 })
    const stages = [{ repeat: 1, kernels: [{ kernel, inputs: [], outputs: [at(0)] }] }]
    expect(await failure(() => other.createPlan({ slots: [16], stages }))).toMatchObject({
      code: 'ERR_OPTION',
      message: expect.stringContaining('belongs to another device'),
    })
    other.dispose()
  })

  test.each<[string, (buffer: NativeBuffer) => unknown[], string]>([
    ['no steps', () => [], 'steps: expected a number, received undefined'],
    ['NaN steps', (b) => [NaN, [b, b, b], [0, 0, 0]], 'steps: expected an integer of 0'],
    ['negative steps', (b) => [-1, [b, b, b], [0, 0, 0]], 'received -1'],
    ['a fraction of a step', (b) => [0.5, [b, b, b], [0, 0, 0]], 'received 0.5'],
    ['no buffers', () => [1], 'buffers: expected an array'],
    ['one buffer', (b) => [1, b, [0]], 'buffers: expected an array, received another object'],
    ['too few buffers', (b) => [1, [b], [0]], "each of the plan's 3 slots, received 1"],
    ['a plan as buffer', (b) => [1, [b, b, adder], [0, 0, 0]], 'buffers[2]: expected a NativeBuffer of onednn'],
    ['null as buffer', (b) => [1, [b, b, null], [0, 0, 0]], 'buffers[2]: expected a NativeBuffer of onednn'],
    ['no offsets', (b) => [1, [b, b, b]], 'byteOffsets: expected an array'],
    ['too few offsets', (b) => [1, [b, b, b], [0]], 'byteOffsets: expected one for each of the 3 buffers'],
    ['an offset too far', (b) => [1, [b, b, b], [0, 0, 4]], 'at least 16 bytes behind its offset, received 12'],
    ['an offset behind the end', (b) => [1, [b, b, b], [0, 17, 0]], 'byteOffsets[1]: expected at most'],
    ['a huge offset', (b) => [1, [b, b, b], [0, endless, 0]], 'byteOffsets[1]: expected at most'],
    ['a negative offset', (b) => [1, [b, b, b], [0, -4, 0]], 'byteOffsets[1]: expected an integer of 0'],
  ])('refuse to run: %s', async (_, args, message) => {
    const buffer = device.createBuffer(16)
    const error = await failure(() => Reflect.apply(adder.run.bind(adder), undefined, args(buffer)))
    expect(error).toMatchObject({ code: 'ERR_OPTION', message: expect.stringContaining(message) })
  })

  test('refuse a misaligned offset', async () => {
    const [exact, longer] = [device.createBuffer(16), device.createBuffer(32)]
    expect(await failure(() => adder.run(1, [exact, longer, exact], [0, 2, 0]))).toMatchObject({
      code: 'ERR_OPTION',
      message: expect.stringContaining('slot 1: expected an offset that is a multiple of 4'),
    })
  })
})

describe('objects', () => {
  test('are not mistaken for each other', async () => {
    const plan = await planOf(device, fill(1, { shape: [1], dtype: 'float32' }))
    const buffer = device.createBuffer(4)
    const [kernel] = await device.createKernels([fill(1, { shape: [1], dtype: 'float32' })])
    const own: [object, unknown][] = [
      [device, Reflect.get(device, 'freeBytes')],
      [device, Reflect.get(device, 'createBuffer')],
      [device, Reflect.get(device, 'createKernels')],
      [device, Reflect.get(device, 'createPlan')],
      [device, Reflect.get(device, 'write')],
      [device, Reflect.get(device, 'read')],
      [device, Reflect.get(device, 'dispose')],
      [buffer, Reflect.get(buffer, 'dispose')],
      [plan, Reflect.get(plan, 'run')],
      [plan, Reflect.get(plan, 'cancel')],
    ]
    for (const [owner, method] of own) {
      const others = [device, buffer, plan, kernel, {}, new Proxy(owner, {}), Object.create(owner), null, 1]
      for (const other of others.filter((candidate) => candidate !== owner)) {
        const error = await failure(() => Reflect.apply(method as () => unknown, other, []))
        expect(error).toMatchObject({ name: 'TypeError' })
      }
    }
    expect(await plan.run(1, [buffer], [0])).toBe(1)
  })

  test('that are made by hand are disposed ones', async () => {
    const buffer = device.createBuffer(4)
    const plan = await planOf(device, fill(1, { shape: [1], dtype: 'float32' }))
    const construct = <T extends object>(object: T): T => Reflect.construct(object.constructor, [buffer, plan]) as T
    const error = { code: 'ERR_DISPOSED' }
    expect(await failure(() => construct(device).freeBytes())).toMatchObject(error)
    expect(await failure(() => device.read(construct(buffer), 0, 1))).toMatchObject(error)
    expect(await failure(() => { construct(plan).cancel() })).toMatchObject(error)
    construct(device).dispose()
    construct(buffer).dispose()
    expect(await failure(() => Reflect.apply(buffer.constructor, undefined, []))).toMatchObject({ name: 'TypeError' })
  })

  test('may be disposed by JavaScript that runs while they read it', async () => {
    const own = addon.createDevice({ index: 0, threads: 1 })
    const [kernel] = await own.createKernels([fill(1, { shape: [1], dtype: 'float32' })])
    const plan = await planOf(own, fill(1, { shape: [1], dtype: 'float32' }))
    const buffer = own.createBuffer(4)
    const slots = [4]
    Object.defineProperty(slots, 0, {
      get() {
        buffer.dispose()
        return 4
      },
    })
    const description = { slots, stages: [{ repeat: 1, kernels: [{ kernel: kernel!, inputs: [], outputs: [at(0)] }] }] }
    expect(await own.createPlan(description).run(1, [own.createBuffer(4)], [0])).toBe(1)

    const offsets = [0]
    Object.defineProperty(offsets, 0, {
      get() {
        own.dispose()
        return 0
      },
    })
    const error = await failure(() => plan.run(1, [own.createBuffer(4)], offsets))
    expect(error).toMatchObject({ code: 'ERR_DISPOSED' })
  })

  test('refuse or do what any arguments ask for, and live on', async () => {
    const four: TensorSpec = { shape: [1], dtype: 'float32' }
    const buffer = device.createBuffer(8)
    const [kernel] = await device.createKernels([fill(1, four)])
    const plan = await planOf(device, fill(1, four))
    const location = fc.record({ slot: fc.nat(2), byteOffset: fc.nat(12) })
    const leaf = fc.oneof(
      fc.constantFrom<unknown>(undefined, null, NaN, -1, 0, 1, 4, 2 ** 40, 1e300, true, '', 'fill', 'float32', 7n),
      fc.constantFrom<unknown>(buffer, plan, kernel, device, new Uint8Array(4), new ArrayBuffer(4), Symbol('s')),
      fc.integer({ min: -2, max: 16 }),
      location,
    )
    const object = fc.record(
      {
        op: leaf,
        attributes: fc.dictionary(fc.string(), leaf),
        inputs: fc.array(location),
        outputs: fc.array(location),
        slots: fc.array(fc.nat(16)),
        stages: fc.array(
          fc.record({
            repeat: fc.integer({ min: 0, max: 3 }),
            kernels: fc.array(
              fc.record({ kernel: fc.constantFrom<unknown>(kernel, {}), inputs: fc.array(location), outputs: fc.array(location) }),
            ),
          }),
        ),
        shape: leaf,
        dtype: leaf,
      },
      { requiredKeys: [] },
    )
    const argument = fc.oneof(leaf, fc.array(leaf, { maxLength: 4 }), object, fc.array(object, { maxLength: 2 }))
    const call = fc.tuple(
      fc.constantFrom<[object, string]>(
        [addon, 'info'],
        [device, 'freeBytes'],
        [device, 'createBuffer'],
        [device, 'createKernels'],
        [device, 'createPlan'],
        [device, 'write'],
        [device, 'read'],
        [plan, 'run'],
        [plan, 'cancel'],
      ),
      fc.array(argument, { maxLength: 4 }),
    )
    const codes = ['ERR_OPTION', 'ERR_SHAPE', 'ERR_DTYPE', 'ERR_OUT_OF_MEMORY', 'ERR_DEVICE']
    await fc.assert(
      fc.asyncProperty(call, async ([[owner, name], args]) => {
        const error = await failure(async () => {
          // Endless runs and huge buffers are what such arguments may ask for.
          const result: unknown = Reflect.apply(Reflect.get(owner, name) as () => unknown, owner, args)
          plan.cancel()
          const made = await result
          if (name === 'createBuffer') (made as NativeBuffer).dispose()
        })
        if (error) expect(codes).toContain(error.code)
      }),
      { numRuns: 3000, seed: 1 },
    )
    expect(await plan.run(1, [buffer], [0])).toBe(1)
    expect(await floats(device, buffer)).toContain(1)
  })
})

describe('devices', () => {
  test('work side by side', async () => {
    const devices = [1, 2, 1, 2].map((threads) => addon.createDevice({ index: 0, threads }))
    const results = await Promise.all(
      devices.map(async (each, i) => {
        const plan = await planOf(each, fill(i, large))
        const buffer = each.createBuffer(1 << 22)
        const steps = await plan.run(20 + i, [buffer], [0])
        const values = new Float32Array(await each.read(buffer, 0, buffer.byteLength))
        return [steps, values.every((value) => value === i)]
      }),
    )
    expect(results).toEqual([20, 21, 22, 23].map((steps) => [steps, true]))
    for (const each of devices) each.dispose()
  })

  test('that are disposed end what is pending and refuse what comes later', async () => {
    const own = addon.createDevice({ index: 0, threads: 1 })
    const plan = await planOf(own, fill(1, large))
    const buffer = own.createBuffer(1 << 22)
    const pending = [
      plan.run(endless, [buffer], [0]),
      plan.run(1, [buffer], [0]),
      own.read(buffer, 0, 4),
      own.write(buffer, 0, Uint8Array.of(1)),
      own.createKernels([fill(1, large)]),
    ]
    const settled = jest.fn()
    const failures = Promise.all(pending.map((promise) => failure(() => promise.finally(settled))))
    await new Promise((resolve) => setTimeout(resolve, 20))
    own.dispose()
    own.dispose()
    expect(settled).not.toHaveBeenCalled()
    expect((await failures).map((error) => error?.code)).toEqual(pending.map(() => 'ERR_DISPOSED'))
    const later = [
      () => own.freeBytes(),
      () => own.createBuffer(8),
      () => own.createKernels([]),
      () => own.createPlan({ slots: [], stages: [] }),
      () => own.read(buffer, 0, 1),
      () => own.write(buffer, 0, Uint8Array.of(1)),
      () => plan.run(1, [buffer], [0]),
    ]
    for (const call of later) expect(await failure(call)).toMatchObject({ code: 'ERR_DISPOSED' })
    plan.cancel()
    buffer.dispose()
  })

  test('may be disposed before they did anything', () => {
    for (let i = 0; i < 20; i++) addon.createDevice({ index: 0, threads: 1 }).dispose()
  })
})
