/** How processes and worker threads end that use the addon: by themselves, in time, without a signal. */
import { expect, test } from '@jest/globals'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const addonPath = fileURLToPath(new URL('../../build/Release/mlpconv_onednn.node', import.meta.url))

/** What every process and thread below begins with. A step of `busy` takes about a millisecond. */
const prelude = `
  const { Worker, isMainThread, parentPort } = require('node:worker_threads')
  const { once } = require('node:events')
  const { setTimeout: sleep } = require('node:timers/promises')
  const addon = require(${JSON.stringify(addonPath)})
  const large = { shape: [1 << 20], dtype: 'float32' }
  const fill = { op: 'fill', attributes: { value: 3 }, inputs: [], outputs: [large] }
  async function busy() {
    const device = addon.createDevice({ index: 0, threads: 2 })
    const buffer = device.createBuffer(1 << 22)
    const [kernel] = await device.createKernels([fill])
    const call = { kernel, inputs: [], outputs: [{ slot: 0, byteOffset: 0 }] }
    const plan = device.createPlan({ slots: [1 << 22], stages: [{ repeat: 1, kernels: [call] }] })
    const run = (steps) => plan.run(steps ?? Number.MAX_SAFE_INTEGER, [buffer], [0])
    return { device, buffer, plan, run }
  }
  function thread(body) {
    return new Worker(prelude + '(' + body + ')()', { eval: true })
  }
`

interface Ending {
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs `body`, an async function's, in a process of its own. */
async function runProcess(body: string): Promise<Ending> {
  const source = `const prelude = ${JSON.stringify(`const prelude = ''; ${prelude}`)}; ${prelude}; (async () => { ${body} })()`
  const child = spawn(process.execPath, ['-e', source], { timeout: 40_000 })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()))
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      resolve({ code, signal, stdout, stderr })
    })
  })
}

const ended = { code: 0, signal: null, stdout: '', stderr: '' }

test.each<[string, string, Partial<Ending>]>([
  ['a process ends when its device is idle', 'await busy()', {}],
  ['a process lives until what is pending is done', 'console.log(await (await busy()).run(50))', { stdout: '50\n' }],
  ['a process that exits in mid-run', '(await busy()).run(); await sleep(50); process.exit(7)', { code: 7 }],
  ['a process that exits before a run began', '(await busy()).run(); process.exit(7)', { code: 7 }],
  [
    'a process that exits with several devices at work',
    'for (let i = 0; i < 4; i++) { const { run } = await busy(); run(); run() }; await sleep(50); process.exit(7)',
    { code: 7 },
  ],
  [
    'a process that exits while kernels are made',
    'addon.createDevice({ index: 0, threads: 1 }).createKernels(Array(100000).fill(fill)); process.exit(7)',
    { code: 7 },
  ],
  [
    'a process that fails in mid-run',
    "(await busy()).run(); await sleep(20); throw new Error('mine')",
    { code: 1, stderr: expect.stringContaining('Error: mine') as unknown as string },
  ],
  [
    'a device that is disposed in mid-run lets its process end',
    'const { device, run } = await busy(); run().catch((e) => console.log(e.code)); await sleep(20); device.dispose()',
    { stdout: 'ERR_DISPOSED\n' },
  ],
  [
    'a device that is disposed in the process’s last moments',
    "const { device, run } = await busy(); process.on('exit', () => device.dispose()); run(); process.exit(7)",
    { code: 7 },
  ],
  [
    'a device that is used in the process’s last moments says that it is too late',
    `const { device, run } = await busy()
     process.on('exit', () => { try { device.createBuffer(1) } catch (e) { console.log(e.code) } })`,
    { stdout: 'ERR_DISPOSED\n' },
  ],
  [
    'a worker thread that is terminated in mid-run, again and again',
    `for (let i = 0; i < 8; i++) {
       const worker = thread(async () => { const { run } = await busy(); run(); run(); parentPort.postMessage(1) })
       await once(worker, 'message'); await sleep(i); console.log(await worker.terminate())
     }`,
    { stdout: '1\n'.repeat(8) },
  ],
  [
    'a worker thread that is terminated at any moment of its life',
    `for (let i = 0; i < 12; i++) {
       const worker = thread(async () => { for (;;) { const { run } = await busy(); await run(3) } })
       await sleep(20 + 5 * i); await worker.terminate()
     }`,
    {},
  ],
  [
    'a worker thread that exits in mid-run',
    `const worker = thread(async () => { (await busy()).run(); await sleep(20); process.exit(3) })
     console.log(...(await once(worker, 'exit')))`,
    { stdout: '3\n' },
  ],
  [
    'a worker thread ends when its device is idle',
    "const worker = thread(busy); console.log(...(await once(worker, 'exit')))",
    { stdout: '0\n' },
  ],
  [
    'a process that exits with a worker thread in mid-run',
    `const { run } = await busy(); run()
     const worker = thread(async () => { const { run } = await busy(); run(); parentPort.postMessage(1) })
     await once(worker, 'message'); process.exit(7)`,
    { code: 7 },
  ],
  [
    'worker threads side by side with the main thread',
    `const work = async () => { const { run } = await busy(); await run(20) }
     const workers = [1, 2, 3].map(() => thread(work))
     const exits = workers.map((worker) => once(worker, 'exit'))
     await work()
     console.log((await Promise.all(exits)).join())`,
    { stdout: '0,0,0\n' },
  ],
  [
    'devices that are garbage end their threads',
    `require('node:v8').setFlagsFromString('--expose-gc')
     const gc = require('node:vm').runInNewContext('gc')
     const threads = () => (process.platform === 'linux' ? require('node:fs').readdirSync('/proc/self/task').length : 0)
     const before = threads()
     await (async () => { for (let i = 0; i < 20; i++) await (await busy()).run(1) })()
     for (let i = 0; i < 5; i++) { gc(); await sleep(10) }
     console.log(threads() < before + 20)`,
    { stdout: 'true\n' },
  ],
])('%s', async (_, body, expected) => {
  expect(await runProcess(body)).toEqual({ ...ended, ...expected })
})
