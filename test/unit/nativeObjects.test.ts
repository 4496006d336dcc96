/** The binding, through the real addon: its objects as such, and devices that come and go. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import fc from 'fast-check'
import type { TensorSpec } from '../../lib/graph/graph.js'
import type { NativeBuffer, NativeDevice } from '../../lib/native/binding.js'
import { addon, at, endless, failure, fill, floats, large, planOf } from '../native.js'

let device: NativeDevice
beforeAll(() => {
  device = addon.createDevice({ index: 0, threads: 1 })
})
afterAll(() => {
  device.dispose()
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
      [device, Reflect.get(device, 'measurePeaks')],
      [device, Reflect.get(device, 'dispose')],
      [buffer, Reflect.get(buffer, 'dispose')],
      [plan, Reflect.get(plan, 'run')],
      [plan, Reflect.get(plan, 'profile')],
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
        [plan, 'profile'],
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
      () => plan.profile(1, [buffer], [0]),
      () => own.measurePeaks(),
    ]
    for (const call of later) expect(await failure(call)).toMatchObject({ code: 'ERR_DISPOSED' })
    plan.cancel()
    buffer.dispose()
  })

  test('may be disposed before they did anything', () => {
    for (let i = 0; i < 20; i++) addon.createDevice({ index: 0, threads: 1 }).dispose()
  })
})
