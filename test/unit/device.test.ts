/** Devices: their names, their turns, their memory, and an event loop that stays free. */
import { describe, expect, test } from '@jest/globals'
import { setImmediate as nextTick } from 'node:timers/promises'
import { resolveDevice, type Device } from '../../lib/device.js'
import { compile, type CompiledGraph } from '../../lib/graph/compile.js'
import { GraphBuilder } from '../../lib/graph/trace.js'
import { add, conv2d, DeviceError, jit, openDevice, OptionError, relu, tensor, Tensor, type Tracer } from '../../lib/index.js'
import { advanceOp } from '../../lib/ops/training.js'

const endless = Number.MAX_SAFE_INTEGER

/** A plan that counts its steps: it adds one to the first counter in each. */
async function countingPlan(device: Device): Promise<{ compiled: CompiledGraph; counters: Tensor<'int64'> }> {
  const builder = new GraphBuilder()
  const counters = builder.input({ shape: [4], dtype: 'int64' })
  builder.apply(advanceOp, { step: 1, samples: 0, cursor: 0 }, [counters])
  const compiled = await compile(builder.build([]), device.backend, device.native)
  return { compiled, counters: Tensor.zeros(device, [4], 'int64') }
}

test('a CPU’s peaks are measured', async () => {
  const { flops, bandwidth } = (await openDevice('cpu').measurePeaks())!
  expect(Math.min(flops, bandwidth)).toBeGreaterThan(0)
})

const ticks = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await nextTick()
}

describe('openDevice', () => {
  test('opens the CPU, once for each number of threads', () => {
    const cpu = openDevice('cpu')
    expect(cpu.name).toBe('cpu')
    expect(cpu.native.threads).toBeGreaterThanOrEqual(1)
    expect(openDevice('cpu')).toBe(cpu)
    const single = openDevice('cpu', { threads: 1 })
    expect(single).not.toBe(cpu)
    expect(single.native.threads).toBe(1)
    expect(openDevice('cpu', { threads: 1 })).toBe(single)
  })

  test('chooses for auto, which is the default', () => {
    expect(openDevice()).toBe(openDevice('auto'))
    expect(['cpu', 'cuda:0']).toContain(openDevice('auto').name)
  })

  test('a GPU that is not there is an error that says what to do, not another device', () => {
    const name = 'cuda:99'
    expect(() => openDevice(name)).toThrow(DeviceError)
    expect(() => openDevice(name)).toThrow(`device ${name} was asked for`)
    expect(() => openDevice(name)).toThrow("use the device 'cpu' or 'auto'")
  })

  test.each(['gpu', '', 'cpu:0', 'CUDA', 'cuda:', 'cuda:-1', 'cuda:x', 'auto ', 5, null, {}])('%p is no name', (name) => {
    expect(() => openDevice(name as never)).toThrow(OptionError)
    expect(() => openDevice(name as never)).toThrow('device must be auto, cpu, cuda or cuda:N')
  })

  test.each([1, 'yes', null])('%p is no answer to whether to autotune', (autotune) => {
    expect(() => openDevice('cpu', { autotune: autotune as never })).toThrow(OptionError)
    expect(() => openDevice('cpu', { autotune: autotune as never })).toThrow('autotune must be true or false')
  })

  test.each([-1, 1.5, NaN, Infinity, 1025, '2', null])('%p is no number of threads', (threads) => {
    expect(() => openDevice('cpu', { threads: threads as never })).toThrow(OptionError)
    expect(() => openDevice('cpu', { threads: threads as never })).toThrow('threads must be an integer from 0')
  })

  test('a misspelt option is not ignored', () => {
    expect(() => openDevice('cpu', { thread: 1 } as never)).toThrow(OptionError)
  })

  test('a device stands for itself', () => {
    const single = openDevice('cpu', { threads: 1 })
    expect(resolveDevice(single)).toBe(single)
    expect(resolveDevice('cpu')).toBe(openDevice('cpu'))
    expect(resolveDevice()).toBe(openDevice())
    expect(() => resolveDevice({ name: 'cpu' } as never)).toThrow(OptionError)
  })
})

describe('a long plan', () => {
  test('leaves the event loop free, and ends when it is aborted', async () => {
    const device = openDevice('cpu')
    const { compiled, counters } = await countingPlan(device)
    const controller = new AbortController()
    let ended = false
    const running = device
      .run(compiled, endless, [counters.binding], controller.signal)
      .finally(() => (ended = true))
    // It would run for ever: that we come here at all is the proof.
    await ticks(1000)
    expect(ended).toBe(false)
    controller.abort()
    const steps = await running
    expect(steps).toBeLessThan(endless)
    // As many steps were counted on the device as it says.
    expect(Number((await counters.data())[0])).toBe(steps)
  })

  test('is what a jitted call waits for, without blocking', async () => {
    const device = openDevice('cpu')
    const f = jit((x: Tracer) => relu(add(x, x)))
    const x = await tensor(Float32Array.of(-1, 2), [2])
    await f(x)
    const { compiled, counters } = await countingPlan(device)
    const controller = new AbortController()
    const running = device.run(compiled, endless, [counters.binding], controller.signal)
    const settled: string[] = []
    const calling = f(x).finally(() => settled.push('jit'))
    const reading = x.data().finally(() => settled.push('data'))
    await ticks(1000)
    expect(settled).toEqual([])
    controller.abort()
    await running
    expect(await (await calling).data()).toEqual(Float32Array.of(0, 4))
    expect(await reading).toEqual(Float32Array.of(-1, 2))
  })

  test('does not run if it was aborted before', async () => {
    const device = openDevice('cpu')
    const { compiled, counters } = await countingPlan(device)
    expect(await device.run(compiled, endless, [counters.binding], AbortSignal.abort())).toBe(0)
    expect(await counters.data()).toEqual(new BigInt64Array(4))
  })

  test('is not ended by what belongs to another run', async () => {
    const device = openDevice('cpu')
    const [first, second] = [await countingPlan(device), await countingPlan(device)]
    const [a, b] = [new AbortController(), new AbortController()]
    const running = device.run(first.compiled, endless, [first.counters.binding], a.signal)
    const waiting = device.run(second.compiled, 5, [second.counters.binding], b.signal)
    b.abort()
    await ticks(10)
    a.abort()
    expect(await running).toBeGreaterThanOrEqual(0)
    expect(await waiting).toBe(0)
    // A plan that was cancelled runs again.
    expect(await device.run(second.compiled, 5, [second.counters.binding])).toBe(5)
    expect((await second.counters.data())[0]).toBe(5n)
  })

  test('runs beside one of another device', async () => {
    const [device, other] = [openDevice('cpu'), openDevice('cpu', { threads: 1 })]
    const { compiled, counters } = await countingPlan(device)
    const controller = new AbortController()
    const running = device.run(compiled, endless, [counters.binding], controller.signal)
    const y = await relu(await tensor(Float32Array.of(-1, 1), [2], { device: other }))
    expect(await y.data()).toEqual(Float32Array.of(0, 1))
    controller.abort()
    await running
  })
})

test('a larger arena replaces the present one while that is in use', async () => {
  // The kernel is the input itself: the sum of all 2 * 1 * 1.
  const f = jit((x: Tracer) => conv2d(relu(add(x, x)), x))
  const sizes = [1, 9, 3, 27, 5, 60]
  const inputs = await Promise.all(sizes.map((size) => tensor(new Float32Array(size).fill(1), [1, 1, size, 1])))
  const outputs = await Promise.all(inputs.map((x) => f(x)))
  for (const [i, size] of sizes.entries()) expect(await outputs[i]!.data()).toEqual(Float32Array.of(2 * size))
})
