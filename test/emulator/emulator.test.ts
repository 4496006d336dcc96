/**
 * The addon for NVIDIA GPUs on the emulator, a test double: it trains as the CPU does, and what goes wrong is a typed
 * error. `npm run test:cuda` builds both and runs this.
 */
import { describe, expect, test } from '@jest/globals'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { openDevice } from '../../lib/index.js'
import { loadAddon } from '../../lib/native/load.js'
import { mlpconv } from '../cli/commandLine.js'
import { useTemporaryFolder } from '../temporaryFolder.js'
import { fit, flat, toyData, toyNetwork } from '../train/toy.js'

const folder = useTemporaryFolder()

const built = (...names: string[]): string =>
  pathToFileURL(join(fileURLToPath(new URL('../..', import.meta.url)), 'dist', ...names)).href
const library = built('index.js')
const addonLoader = built('native', 'load.js')
// Elsewhere there is no emulator: `npm run test:cuda` says where it is.
const describeOnEmulator = process.env['MLPCONV_CUDA_PATH']?.endsWith('emulator') ? describe : describe.skip

/** Runs a program with the package as `mlpconv` in a process of its own. Resolves to what it wrote, as JSON. */
async function run(body: string, env: Readonly<Record<string, string>> = {}): Promise<unknown> {
  const program = `
    import * as mlpconv from ${JSON.stringify(library)}
    const attempt = async (work) => {
      try {
        return await work()
      } catch (error) {
        const { code, message, neededBytes, freeBytes } = error
        return { code, message, neededBytes, freeBytes }
      }
    }
    const image = (device) => mlpconv.tensor(Float32Array.of(-1, 2, 3, -4), [1, 1, 2, 2], { device })
    ${body}`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], {
    env: { ...process.env, MLPCONV_POISON: undefined, ...env },
  })
  return JSON.parse(stdout) as unknown
}

describeOnEmulator('on the emulator', () => {
  test('it refuses what a GPU would not survive', async () => {
    const { stdout } = await promisify(execFile)(join(process.env['MLPCONV_CUDA_PATH']!, 'strictness_test'))
    expect(stdout).toMatch(/9 passed, 0 failed/)
  })

  test('cuDNN’s tensors must be aligned and may not overlap; the error names the op', async () => {
    const device = loadAddon('cudnn', []).createDevice({ index: 0, threads: 0 })
    const image = { dtype: 'float32', shape: [1, 8, 4, 4] } as const
    const [kernel] = await device.createKernels([
      {
        op: 'conv2d',
        attributes: { stride: [1, 1], padding: [0, 0], relu: false, precision: 'default' },
        inputs: [image, { dtype: 'float32', shape: [8, 8, 1, 1] }],
        outputs: [image],
      },
    ])
    const memory = device.createBuffer(1 << 20)
    const bytes = 8 * 4 * 4 * 4
    const convolve = (x: number, y: number): Promise<number> => {
      const at = (byteOffset: number) => ({ slot: 0, byteOffset })
      const call = { kernel: kernel!, inputs: [at(x), at(0)], outputs: [at(y)], workspace: at(1 << 16) }
      return device.createPlan({ slots: [1 << 20], stages: [{ repeat: 1, kernels: [call] }] }).run(1, [memory], [0])
    }
    await expect(convolve(4096, 8192)).resolves.toBe(1)
    await expect(convolve(4100, 8192)).rejects.toThrow(/conv2d: .*multiples of 16 bytes/)
    await expect(convolve(4096, 4096 + bytes - 256)).rejects.toThrow(/conv2d: .*overlaps/)
    await expect(convolve(4096, 4096 + bytes)).resolves.toBe(1)
    device.dispose()
  })

  test('a ReLU’s backward is in the graph of the gradient in front of it; where no engine is fast at both, a kernel behind it', async () => {
    const device = loadAddon('cudnn', []).createDevice({ index: 0, threads: 0 })
    const implementations = async (channels: number, precision: 'default' | 'tfloat32'): Promise<string[]> => {
      const x = { dtype: 'float32', shape: [1, channels, 4, 4] } as const
      const y = { dtype: 'float32', shape: [1, channels, 2, 2] } as const
      const window = { stride: [2, 2], padding: [0, 0], relu: true }
      const pooling = { ...window, kernelSize: [2, 2], countIncludePad: true }
      const weight = { dtype: 'float32', shape: [channels, channels, 2, 2] } as const
      const index = { dtype: 'opaque', shape: [0] } as const
      const kernels = await device.createKernels([
        { op: 'conv2dBackwardData', attributes: { ...window, precision }, inputs: [y, weight, x], outputs: [x] },
        { op: 'maxPool2dBackward', attributes: pooling, inputs: [y, index, x], outputs: [x] },
        { op: 'avgPool2dBackward', attributes: pooling, inputs: [y, x], outputs: [x] },
      ])
      return kernels.map(({ implementation }) => implementation)
    }
    const alone = /^eng\d\S*( rtc)?$/
    const apart = /^eng\d.* \+ reluBackward$/
    for (const implementation of await implementations(8, 'tfloat32')) expect(implementation).toMatch(alone)
    for (const implementation of await implementations(3, 'default')) expect(implementation).toMatch(apart)
    // Strict float32.
    expect((await implementations(8, 'default'))[0]).toMatch(apart)
    device.dispose()
  })

  test.each([
    ['conv2d', 508, /CUDA says: cuDNN's convolution, input 0 reads byte 508 of the 1048576 at 0x[0-9a-f]+, which nobody wrote/],
    ['relu', 508, /CUDA says: reluFloat32 reads byte 508 of the 1048576 at 0x[0-9a-f]+, which nobody wrote/],
    ['relu', 512, /CUDA says: a copy to the host reads byte 8704 of the 1048576 at 0x[0-9a-f]+, which nobody wrote/],
  ])('what nobody wrote cannot be read: %s of %i of 512 bytes', async (op, written, message) => {
    // In a process of its own, since the device is lost.
    const results = await run(
      `const { loadAddon } = await import(${JSON.stringify(addonLoader)})
      const device = loadAddon('cudnn', []).createDevice({ index: 0, threads: 0 })
      const spec = { dtype: 'float32', shape: [1, 8, 4, 4] }
      const weight = { dtype: 'float32', shape: [8, 8, 1, 1] }
      const inputs = ${JSON.stringify(op)} === 'relu' ? [spec] : [spec, weight]
      const attributes = { stride: [1, 1], padding: [0, 0], relu: false, precision: 'default' }
      const [kernel] = await device.createKernels([{ op: ${JSON.stringify(op)}, attributes, inputs, outputs: [spec] }])
      const memory = device.createBuffer(1 << 20, 'undefined')
      const at = (byteOffset) => ({ slot: 0, byteOffset })
      const call = { kernel, inputs: inputs.map((_, i) => at(4096 * i)), outputs: [at(8192)], workspace: at(1 << 16) }
      const plan = device.createPlan({ slots: [1 << 20], stages: [{ repeat: 1, kernels: [call] }] })
      await device.write(memory, 0, new Uint8Array(${String(written)}))
      await device.write(memory, 4096, new Uint8Array(8 * 8 * 4))
      const error = await attempt(async () => {
        await plan.run(1, [memory], [0])
        await device.read(memory, 8192, 512)
        await device.read(memory, 8192, 513)
      })
      console.log(JSON.stringify(error))`,
    )
    expect(results).toEqual({ code: 'ERR_DEVICE', message: expect.stringMatching(message) as unknown })
  })

  test.each([
    ['', { value: 2 }],
    ['1', { code: 'ERR_DEVICE', message: expect.stringMatching(/CUDA says: reluFloat32 reads byte 0 of/) }],
  ])('what an earlier step left in the arena cannot be read where MLPCONV_POISON is "%s"', async (poison, expected) => {
    const results = await run(
      `const { loadAddon } = await import(${JSON.stringify(addonLoader)})
      const device = loadAddon('cudnn', []).createDevice({ index: 0, threads: 0 })
      const spec = { dtype: 'float32', shape: [8] }
      const [kernel] = await device.createKernels([{ op: 'relu', attributes: {}, inputs: [spec], outputs: [spec] }])
      const [arena, memory] = [device.createBuffer(32), device.createBuffer(32)]
      const at = (slot) => ({ slot, byteOffset: 0 })
      const copy = (from, to) => ({ kernel, inputs: [at(from)], outputs: [at(to)] })
      const kernels = [copy(0, 1), copy(1, 0)]
      const plan = device.createPlan({ slots: [32, 32], scratch: [0], stages: [{ repeat: 1, kernels }] })
      await device.write(arena, 0, new Float32Array(8).fill(2))
      const result = await attempt(async () => {
        await plan.run(3, [arena, memory], [0, 0])
        return { value: new Float32Array(await device.read(memory, 0, 32))[0] }
      })
      console.log(JSON.stringify(result))`,
      poison === '' ? {} : { MLPCONV_POISON: poison },
    )
    expect(results).toEqual(expected)
  })

  test('auto is the GPU', () => {
    expect(openDevice('auto').name).toBe('cuda:0')
  })

  test('training gives the same bits again, and what the CPU gives but for rounding', async () => {
    const train = toyData(57)
    const [first, second, cpu] = [
      await fit(toyNetwork(), train, { device: 'cuda' }),
      await fit(toyNetwork(), train, { device: 'cuda' }),
      await fit(toyNetwork(), train, { device: 'cpu' }),
    ]
    expect(second).toEqual(first)
    const [ours, theirs] = [flat(first), flat(cpu)]
    const rms = Math.sqrt(theirs.reduce((sum, value) => sum + value * value, 0) / theirs.length)
    const largest = Math.max(...ours.map((value, i) => Math.abs(value - theirs[i]!)))
    expect(largest).toBeLessThan(1e-4 * rms)
  })

  test('Network in Network learns from Fashion-MNIST what it learns on the CPU', async () => {
    const train = async (device: string): Promise<number> => {
      const options = ['--limit', '64', '--batch-size', '16', '--device', device, '--out', folder(device)]
      const { code, stdout } = await mlpconv(['train', '--json', ...options])
      expect(code).toBe(0)
      return (JSON.parse(stdout) as { loss: number }).loss
    }
    const [gpu, again, cpu] = [await train('cuda'), await train('cuda'), await train('cpu')]
    expect(again).toBe(gpu)
    expect(Math.abs(gpu - cpu)).toBeLessThan(1e-4 * cpu)
  }, 300_000)

  test('where a library is missing, the error lists what was tried and what mends it', async () => {
    const results = await run(
      `console.log(JSON.stringify(await attempt(() => mlpconv.openDevice('cuda'))))`,
      { MLPCONV_CUDA_PATH: '/nowhere', MLPCONV_CACHE: '/no-cache' },
    )
    const { code, message } = results as { code: string; message: string }
    expect(code).toBe('ERR_DEVICE')
    expect(message).toMatch(/^device cuda was asked for, but expected libcudart\.so\.\d+, tried\n/)
    expect(message).toContain('/nowhere/libcudart.so.13: no such file\n')
    expect(message).toMatch(/\/no-cache\/cuda-[^/]*\/nvidia\/cu13\/lib\/libcudart.so.13: no such file\n/)
    expect(message).toMatch(/'npm run build:cuda', which fetches both.* or use the device 'cpu' or 'auto'$/)
  })

  test('too little memory is an error with the sizes, and the device goes on', async () => {
    const results = await run(
      `const device = mlpconv.openDevice('cuda')
      const large = await attempt(() => mlpconv.tensor(new Float32Array(400_000), [400_000], { device }))
      const y = await mlpconv.relu(await image(device))
      console.log(JSON.stringify({ large, y: [...(await y.data())] }))`,
      { MLPCONV_EMULATOR_MEMORY: '1000000' },
    )
    expect(results).toEqual({
      large: {
        code: 'ERR_OUT_OF_MEMORY',
        message: expect.stringMatching(/needed 1600000 bytes, free are \d+; use a smaller micro-batch/) as unknown,
        neededBytes: 1_600_000,
        freeBytes: expect.any(Number) as unknown,
      },
      y: [0, 2, 3, 0],
    })
  })

  test('a device that is lost is an error with CUDA’s words, again and again, and the CPU goes on', async () => {
    const results = await run(
      `const device = mlpconv.openDevice('cuda')
      const x = await image(device)
      const lost = await attempt(() => mlpconv.relu(x).then((y) => y.data()))
      const later = await attempt(() => mlpconv.relu(x).then((y) => y.data()))
      const y = await mlpconv.relu(await image('cpu'))
      console.log(JSON.stringify({ lost, later, y: [...(await y.data())] }))`,
      { MLPCONV_EMULATOR_FAULT: '1' },
    )
    const error = {
      code: 'ERR_DEVICE',
      message: expect.stringContaining('an illegal memory access was encountered') as unknown,
    }
    expect(results).toEqual({ lost: error, later: error, y: [0, 2, 3, 0] })
  })

  test('worker threads load the addon, use it at once and end', async () => {
    const results = await run(
      `const { Worker } = await import('node:worker_threads')
      const program = \`
        import { parentPort } from 'node:worker_threads'
        import { openDevice, relu, tensor } from ${JSON.stringify(library)}
        const x = await tensor(Float32Array.of(-1, 5), [2], { device: openDevice('cuda') })
        parentPort.postMessage([...(await (await relu(x)).data())])\`
      const start = () => new Promise((resolve, reject) => {
        const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(program)))
        worker.once('message', (message) => worker.once('exit', () => resolve(message)))
        worker.once('error', reject)
      })
      const together = await Promise.all([start(), start()])
      console.log(JSON.stringify([...together, await start()]))`,
    )
    expect(results).toEqual([
      [0, 5],
      [0, 5],
      [0, 5],
    ])
  })
})
