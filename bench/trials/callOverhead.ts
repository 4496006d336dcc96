/** One trial of ours: calls that do next to nothing, awaited one by one. Prints one line of JSON. */
import { jit, median, openDevice, relu, tensor } from 'mlpconv'
import { callOptions } from '../overhead.js'

const { calls, repeats, threads } = callOptions.parse(JSON.parse(process.argv[2] ?? '{}'))

const device = openDevice('cpu', { threads })
const x = await tensor(new Float32Array(16).fill(1), [16], { device })
const y = await tensor(new Float32Array(16), [16], { device })

const spec = { shape: [16], dtype: 'float32' } as const
const [kernel] = await device.native.createKernels([{ op: 'relu', attributes: {}, inputs: [spec], outputs: [spec] }])
const location = (slot: number) => ({ slot, byteOffset: 0 })
const plan = device.native.createPlan({
  slots: [64, 64],
  stages: [{ repeat: 1, kernels: [{ kernel: kernel!, inputs: [location(0)], outputs: [location(1)] }] }],
})
const buffers = [x.binding.buffer, y.binding.buffer]
const jitted = jit((input) => relu(input))

/** Microseconds of an awaited call. */
async function time(call: () => Promise<unknown>): Promise<number> {
  for (let i = 0; i < calls / 10; i++) await call()
  const means: number[] = []
  while (means.length < repeats) {
    const start = performance.now()
    for (let i = 0; i < calls; i++) await call()
    means.push(((performance.now() - start) * 1000) / calls)
  }
  return median(means)
}

const napiMicroseconds = await time(() => plan.run(1, buffers, [0, 0]))
const jittedMicroseconds = await time(async () => {
  const result = await jitted(x)
  result.dispose()
})
console.log(JSON.stringify({ napiMicroseconds, jittedMicroseconds }))
