/** The binding, through the real addon: plans, used and abused. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { TensorSpec } from '../../lib/graph/graph.js'
import type { NativeBuffer, NativeDevice, NativeKernel, NativePlan } from '../../lib/native/binding.js'
import { addon, at, endless, failure, fill, floats, large, planOf } from '../native.js'

let device: NativeDevice
beforeAll(() => {
  device = addon.createDevice({ index: 0, threads: 1 })
})
afterAll(() => {
  device.dispose()
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

  test('say how long each kernel took, and compute the same', async () => {
    const [a, b] = [device.createBuffer(16), device.createBuffer(16)]
    await device.write(a, 0, Float32Array.of(1, 2, 3, 4))
    const { steps, seconds, kernelSeconds } = await adder.profile(5, [a, b, b], [0, 0, 0])
    expect(steps).toBe(5)
    expect(await floats(device, b)).toEqual([5, 10, 15, 20])
    expect(kernelSeconds).toHaveLength(1)
    expect(kernelSeconds[0]).toBeGreaterThan(0)
    expect(seconds).toBeGreaterThanOrEqual(kernelSeconds[0]!)
    expect(await adder.profile(0, [a, b, b], [0, 0, 0])).toMatchObject({ steps: 0, kernelSeconds: [0] })
  })

  test('end when they are cancelled while they are profiled', async () => {
    const plan = await planOf(device, fill(1, large))
    const buffer = device.createBuffer(1 << 22)
    const running = plan.profile(endless, [buffer], [0])
    await new Promise((resolve) => setTimeout(resolve, 30))
    plan.cancel()
    expect((await running).steps).toBeGreaterThan(0)
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
    ['too few outputs', { outputs: [] }, 'fill: expected 1 output, received 0'],
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
    for (const method of [adder.run, adder.profile]) {
      const error = await failure(() => Reflect.apply(method, adder, args(buffer)))
      expect(error).toMatchObject({ code: 'ERR_OPTION', message: expect.stringContaining(message) })
    }
  })

  test('refuse a misaligned offset', async () => {
    const [exact, longer] = [device.createBuffer(16), device.createBuffer(32)]
    expect(await failure(() => adder.run(1, [exact, longer, exact], [0, 2, 0]))).toMatchObject({
      code: 'ERR_OPTION',
      message: expect.stringContaining('slot 1: expected an offset that is a multiple of 4'),
    })
  })
})
