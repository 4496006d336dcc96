/** The packed tarball, installed and used in an empty folder as a stranger would. */
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from '@jest/globals'

const execute = promisify(execFile)
const root = join(import.meta.dirname, '..', '..')
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mlpconv-tarball-'))
  // The build is there: it was made before the tests.
  await execute('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: root })
  const [tarball] = await readdir(folder)
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  const flags = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund']
  await execute('npm', ['install', ...flags, `./${tarball!}`], { cwd: folder })
}, 300_000)

afterAll(() => rm(folder, { recursive: true, force: true }))

/** What a script in the folder prints. */
async function run(script: string): Promise<string> {
  await writeFile(join(folder, 'script.js'), script)
  return (await execute(process.execPath, ['script.js'], { cwd: folder })).stdout
}

test('trains, saves, and predicts', async () => {
  const printed = await run(`
    import { data, nn, optim, Tensor, Trainer } from 'mlpconv'
    const count = 64
    const labels = Int32Array.from({ length: count }, (_, i) => i % 2)
    const images = Uint8Array.from({ length: count * 64 }, (_, i) => labels[Math.floor(i / 64)] * 200 + (i % 50))
    const train = data.fromArrays({ images, labels, shape: [count, 8, 8] })
    const net = new nn.Sequential(new nn.Conv2d(1, 4, 3), new nn.ReLU(), new nn.Flatten(), new nn.LazyLinear(2))
    const trainer = new Trainer(net, { optimizer: optim.SGD({ lr: 0.1 }), batchSize: 16, epochs: 5 })
    for await (const epoch of trainer.fit(train, { validation: train })) console.log(epoch.testAccuracy)
    await net.save('net.safetensors')
    const logits = await net.predict(await Tensor.from(new Float32Array(64).fill(0.9), [1, 1, 8, 8]))
    console.log(logits.shape.join('x'))`)
  expect(printed.trim().split('\n').slice(-2)).toEqual(['1', '1x2'])
})

test('has a command line', async () => {
  const mlpconv = join(folder, 'node_modules', '.bin', 'mlpconv')
  expect((await execute(mlpconv, ['--help'], { cwd: folder })).stdout).toContain('train')
  expect((await execute(mlpconv, ['summary'], { cwd: folder })).stdout).toContain('1,992,166')
})

test('has strict types, which the examples of the README keep to', async () => {
  const readme = await readFile(join(root, 'README.md'), 'utf8')
  const examples = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code!)
  expect(examples.length).toBeGreaterThan(3)
  const files = examples.map((_, i) => `readme-${i}.ts`)
  await Promise.all(examples.map((code, i) => writeFile(join(folder, files[i]!), code)))
  await writeFile(
    join(folder, 'types.ts'),
    `import { nn, type Tensor } from 'mlpconv'
     const layer: nn.Conv2d = new nn.Conv2d(3, 5, 1)
     // @ts-expect-error: a number was expected
     new nn.Conv2d('3', 5, 1)
     export const predict = (x: Tensor): Promise<Tensor> => layer.predict(x)`,
  )
  const libraries = ['--lib', 'es2023,esnext.disposable,dom']
  const flags = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', ...libraries]
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  await execute(process.execPath, [tsc, ...flags, 'types.ts', ...files], { cwd: folder })
}, 120_000)
