/** Training from the command line, and what is done with what it leaves. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { encode } from 'fast-png'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { readSafetensors } from '../../lib/checkpoint/safetensors.js'
import { readIdx } from '../../lib/data/idx.js'
import { classCount, mlpconv, parseLines, smallestSize, writeDataset, type Result } from './commandLine.js'

let folder = ''
let trained: Result | undefined

const settings = ['--resize', String(smallestSize), '--batch-size', '16', '--epochs', '3', '--seed', '7']
// Threads that wait for one another are slow on a busy machine.
const threads = ['--threads', '1']

function train(out: string, ...more: readonly string[]): string[] {
  return ['train', '--dataset', 'data', ...settings, ...threads, '--out', out, ...more]
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mlpconv-train-'))
  await writeDataset(join(folder, 'data'))
  trained = await mlpconv(train('whole', '--json'), { cwd: folder })
})

afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

const run = (args: readonly string[]): Promise<Result> => mlpconv(args, { cwd: folder })
const checkpoint = (out: string): string => join(folder, out, 'checkpoint.safetensors')

const share = z.number().min(0).max(1)
const epochSchema = z.strictObject({
  epoch: z.int(),
  loss: z.number().positive(),
  trainAccuracy: share,
  testAccuracy: share,
  examplesPerSecond: z.number().positive(),
  seconds: z.number().positive(),
})

/** The objects that a run printed. Throws if one is not as it should be. */
const epochsOf = ({ stdout }: Result): z.infer<typeof epochSchema>[] => z.array(epochSchema).parse(parseLines(stdout))

/** What a checkpoint holds, without what depends on the clock. */
async function stateOf(out: string): Promise<unknown> {
  const { tensors, metadata } = await readSafetensors(checkpoint(out))
  const { history, ...progress } = JSON.parse(metadata['mlpconv.training']!) as { history: Record<string, unknown>[] }
  const epochs = history.map((epoch) => ({ ...epoch, seconds: 0, examplesPerSecond: 0 }))
  return { tensors, progress, epochs, network: metadata['mlpconv.network'], run: metadata['mlpconv.run'] }
}

describe('train', () => {
  test('prints an object per epoch to standard output, and nothing else there', () => {
    expect(trained).toMatchObject({ code: 0 })
    expect(epochsOf(trained!).map(({ epoch }) => epoch)).toEqual([1, 2, 3])
  })

  test('says what it chose, the shapes, the epochs, and where the results are', () => {
    const { stderr } = trained!
    expect(stderr).toMatch(/NiN d2l, [\d,]+ parameters/)
    expect(stderr).toMatch(/48 images to train on, 20 to test with, at 67x67/)
    expect(stderr).toMatch(
      /fast: 3 epochs, batch 16, SGD, lr 0.05, Nesterov momentum 0.9, gradient norm at most 1, seed 7/,
    )
    expect(stderr).toMatch(/cpu, 1 thread, float32/)
    const shapes = [
      '1x67x67',
      '96x15x15',
      '96x7x7',
      '256x7x7',
      '256x3x3',
      '384x3x3',
      '384x1x1',
      '384x1x1',
      '3x1x1',
      '3x1x1',
      '3',
    ]
    expect([...stderr.matchAll(/^ *\d* +\S.*? {2,}([\dx]+)$/gm)].map(([, shape]) => shape)).toEqual(shapes)
    expect(stderr).toMatch(/^0 {2}Sequential +96x15x15$/m)
    expect(stderr.match(/^epoch \d\/3 .*test accuracy [\d.]+ .*examples\/s/gm)).toHaveLength(3)
    expect(stderr).toContain(join('whole', 'checkpoint.safetensors'))
    expect(stderr).toContain(join('whole', 'curves.svg'))
  })

  test('leaves a checkpoint and a figure, and no temporary file', async () => {
    expect((await readdir(join(folder, 'whole'))).sort()).toEqual(['checkpoint.safetensors', 'curves.svg'])
    const figure = await readFile(join(folder, 'whole', 'curves.svg'), 'utf8')
    expect(figure).toMatch(/^<svg .*<\/svg>$/s)
    for (const text of ['epoch', 'train loss', 'train accuracy', 'test accuracy'])
      expect(figure).toContain(`>${text}</text>`)
  })

  test('prints to standard output when it is not for programs, and draws nothing when told so', async () => {
    const { code, stdout, stderr } = await run(
      train('plain', '--epochs', '1', '--no-figure', '--variant', 'no-last-relu'),
    )
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^8 {2}GlobalAvgPool2d\(\) +3x1x1$/m)
    expect(stdout).toMatch(/^epoch 1\/1 /m)
    expect(await readdir(join(folder, 'plain'))).toEqual(['checkpoint.safetensors'])
  })

  test('stops at Ctrl-C with a checkpoint, and goes on to the same bits as without the stop', async () => {
    let isKilled = false
    const stopped = await mlpconv(train('stopped', '--json'), {
      cwd: folder,
      onOutput: (output, kill) => {
        if (isKilled || !output.includes('"epoch":1,')) return
        isKilled = true
        kill('SIGINT')
      },
    })
    expect(stopped.code).toBe(130)
    expect(stopped.stderr).toMatch(/Stopping after this step/)
    expect(stopped.stderr).toMatch(
      /To go on:\n {2}mlpconv train --resume stopped\/checkpoint.safetensors --threads 1\n/,
    )
    const before = epochsOf(stopped).length

    const resumed = await run(['train', '--resume', 'stopped/checkpoint.safetensors', ...threads, '--json'])
    expect(resumed.code).toBe(0)
    expect(resumed.stderr).toMatch(/resumed +after \d epochs? and \d steps?/)
    expect(epochsOf(resumed)).toHaveLength(3 - before)
    expect(await stateOf('stopped')).toEqual(await stateOf('whole'))
  })

  test('quits at once at the second signal', async () => {
    let signals = 0
    const { code, stderr } = await mlpconv(train('quit', '--resize', '672', '--batch-size', '48', '--json'), {
      cwd: folder,
      onOutput: (output, kill) => {
        if (signals === 0 && output.includes('Flatten()')) kill('SIGTERM')
        else if (signals === 1 && output.includes('Stopping')) kill('SIGINT')
        else return
        signals++
      },
    })
    expect({ code, signals }).toEqual({ code: 130, signals: 2 })
    expect(stderr).not.toMatch(/To go on/)
    expect(await readdir(join(folder, 'quit'))).toEqual([])
  })

  test('has nothing to do in a run that is done', async () => {
    const { code, stdout } = await run(['train', '--resume', '--out', 'whole'])
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /The run is done. To train on: mlpconv train --resume whole\/checkpoint.safetensors --epochs 4\n$/,
    )
  })

  test.each([
    ['--seed', '8', '7'],
    ['--batch-size', '8', '16'],
    ['--resize', '96', '67'],
    ['--block-depth', '1', '2'],
    ['--preset', 'd2l', 'fast'],
    ['--limit', '16', 'none'],
  ])('does not go on with another %s', async (option, value, expected) => {
    const { code, stderr } = await run(['train', '--resume', '--out', 'whole', option, value])
    expect(code).toBe(2)
    expect(stderr).toBe(
      `error: ${option} cannot change when a run goes on: expected ${expected}, as it began; received ${value}. ` +
        `Leave ${option} out, or start a new run without --resume\n`,
    )
  })

  test('stops at a loss that is not finite, and leaves what was there', async () => {
    await run(train('diverged', '--epochs', '1', '--no-figure'))
    const before = await readFile(checkpoint('diverged'))
    const { code, stderr } = await run(train('diverged', '--epochs', '1', '--lr', '1e30'))
    expect(code).toBe(1)
    expect(stderr).toMatch(/^error: the loss became NaN or infinite in step \d.*\n$/)
    expect(before.equals(await readFile(checkpoint('diverged')))).toBe(true)
  })
})

describe('eval', () => {
  test('says of a checkpoint what the run said of its last epoch', async () => {
    const { code, stdout } = await run(['eval', checkpoint('whole'), '--json'])
    expect(code).toBe(0)
    const evaluation = {
      loss: expect.any(Number) as unknown as number,
      accuracy: epochsOf(trained!)[2]!.testAccuracy,
      samples: 20,
    }
    expect(parseLines(stdout)).toEqual([evaluation])
  })

  test('says it to people', async () => {
    const { code, stdout } = await run(['eval', checkpoint('whole'), '--dataset', 'data', '--limit', '6'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^6 test images of data {2}loss \d\.\d{3} {2}accuracy \d\.\d{3} {2}[\d.]+ s\n$/)
  })

  test('refuses labels that the network does not know', async () => {
    await writeDataset(join(folder, 'foreign'))
    const path = join(folder, 'foreign', 't10k-labels-idx1-ubyte')
    const bytes = await readFile(path)
    bytes[bytes.length - 1] = classCount
    await writeFile(path, bytes)
    const { code, stderr } = await run(['eval', checkpoint('whole'), '--dataset', 'foreign'])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^error: .*labels must be in \[0, 3\).*received 3 at index 19\n$/)
  })
})

interface Prediction {
  readonly index: number
  readonly classes: readonly { readonly name: string; readonly label: number; readonly probability: number }[]
}

async function predictions(...args: readonly string[]): Promise<Prediction[]> {
  const { code, stdout, stderr } = await run(['predict', checkpoint('whole'), ...args, '--json'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return parseLines(stdout) as Prediction[]
}

describe('predict', () => {
  const images = 'data/t10k-images-idx3-ubyte.gz'

  test('gives every class of every image a probability, the likeliest first', async () => {
    const results = await predictions(images)
    expect(results.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    for (const { classes } of results) {
      const probabilities = classes.map(({ probability }) => probability)
      expect(classes.map(({ label }) => label).sort()).toEqual([0, 1, 2])
      expect(classes.every(({ name, label }) => name === String(label))).toBe(true)
      expect(probabilities.reduce((a, b) => a + b)).toBeCloseTo(1, 12)
      expect(probabilities).toEqual([...probabilities].sort((a, b) => b - a))
    }
  })

  test('is right as often as eval says', async () => {
    const results = await predictions(images, '--index', '0-19', '--top', '1')
    const { data: labels } = await readIdx(join(folder, 'data', 't10k-labels-idx1-ubyte'))
    const correct = results.filter(({ index, classes }) => classes[0]!.label === labels[index]).length
    expect(correct / 20).toBe(epochsOf(trained!)[2]!.testAccuracy)
  })

  test('says the same of a PNG as of the same image in an IDX file, in grey as in colour', async () => {
    const { data } = await readIdx(join(folder, 'data', 't10k-images-idx3-ubyte.gz'))
    const grey = (data as Uint8Array).slice(2 * 784, 3 * 784)
    const color = Uint8Array.from({ length: 3 * 784 }, (_, i) => grey[Math.floor(i / 3)]!)
    await writeFile(join(folder, 'grey.png'), encode({ width: 28, height: 28, data: grey, channels: 1, depth: 8 }))
    await writeFile(join(folder, 'color.png'), encode({ width: 28, height: 28, data: color, channels: 3, depth: 8 }))
    const [expected] = await predictions(images, '--index', '2')
    for (const name of ['grey.png', 'color.png']) expect(await predictions(name)).toEqual([{ ...expected, index: 0 }])
  })

  test('takes a PNG of another size', async () => {
    const data = new Uint8Array(100 * 40 * 4).fill(200)
    await writeFile(join(folder, 'large.png'), encode({ width: 100, height: 40, data, channels: 4, depth: 8 }))
    expect((await predictions('large.png'))[0]!.classes).toHaveLength(classCount)
  })

  test('says it to people', async () => {
    const { stdout } = await run(['predict', checkpoint('whole'), images, '--index', '4,1', '--top', '2'])
    expect(stdout).toMatch(/^image 4\n( *\d+\.\d % {2}\d\n){2}\nimage 1\n( *\d+\.\d % {2}\d\n){2}$/)
  })

  test.each<[string, string[], number, RegExp]>([
    ['an image that is not there', [images, '--index', '20'], 2, /has the images 0 to 19; received 20/],
    ['labels', ['data/t10k-labels-idx1-ubyte'], 1, /expected images, .*received uint8 of shape \[20\]/],
    [
      'a file of another kind',
      ['whole/curves.svg'],
      1,
      /expected a PNG file or an IDX file of images; received one that begins/,
    ],
    ['a file that is not there', ['none.png'], 1, /none.png: expected a PNG file.*no such file/],
    ['a choice of images of a PNG', ['grey.png', '--index', '0'], 2, /--index.*grey.png is a PNG/],
  ])('refuses %s', async (_, args, expected, message) => {
    await writeFile(
      join(folder, 'grey.png'),
      encode({ width: 1, height: 1, data: new Uint8Array(1), channels: 1, depth: 8 }),
    )
    const { code, stdout, stderr } = await run(['predict', checkpoint('whole'), ...args])
    expect({ code, stdout }).toEqual({ code: expected, stdout: '' })
    expect(stderr).toMatch(/^error: .*\n$/)
    expect(stderr).toMatch(message)
  })
})
