/** What can go wrong in training: typed errors, the last checkpoint as it was, and a process that goes on. */
import { describe, expect, test } from '@jest/globals'
import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { readSafetensors, writeSafetensors } from '../../lib/checkpoint/safetensors.js'
import {
  CheckpointError,
  data,
  DataError,
  DeviceError,
  init,
  NiN,
  nn,
  NonFiniteLossError,
  openDevice,
  optim,
  OptionError,
  OutOfMemoryError,
  ShapeError,
  tensor,
  Trainer,
  type Dataset,
  type FitOptions,
  type TrainerOptions,
} from '../../lib/index.js'
import { readCheckpoint } from '../../lib/trainer/checkpoint.js'
import { testDevice } from '../device.js'
import { damaged } from '../mutations.js'
import { useTemporaryFolder } from '../temporaryFolder.js'
import { fit, toyClasses, toyData, toyNetwork, toyOptimizer, valuesOf } from './toy.js'

const path = useTemporaryFolder()
const train = toyData(57)

type ErrorClass = new (...args: never[]) => Error

/** The error that a promise rejects with. */
async function failure(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise
  } catch (error) {
    return error as Error
  }
  throw new Error('expected an error')
}

/** Checks that `work` fails, that the message says all of `parts`, and that the network is as it was and can be trained. */
async function expectHarmless(
  net: nn.Module,
  work: () => Promise<unknown>,
  errorClass: ErrorClass,
  parts: readonly string[],
): Promise<void> {
  const before = await valuesOf(net)
  const error = await failure(work())
  expect(error).toBeInstanceOf(errorClass)
  for (const part of parts) expect(error.message).toContain(part)
  expect(await valuesOf(net)).toEqual(before)
  await expect(fit(net, train, { epochs: 1 })).resolves.toMatchObject({ epochs: [{ epoch: 1 }] })
}

describe('options of the trainer that are refused:', () => {
  const right: TrainerOptions = { optimizer: toyOptimizer, batchSize: 16, epochs: 2 }
  test.each<[string, object, ErrorClass, string]>([
    ['no optimizer', { optimizer: undefined }, OptionError, 'optim.SGD({ lr }); received undefined'],
    ['an optimizer that is none', { optimizer: 'sgd' }, OptionError, 'received "sgd"'],
    ['a learning rate NaN', { optimizer: { ...toyOptimizer, lr: NaN } }, OptionError, 'lr must be a finite number >= 0; received NaN'],
    ['a batch size 0', { batchSize: 0 }, OptionError, 'batchSize must be an integer >= 1; received 0'],
    ['a batch size NaN', { batchSize: NaN }, OptionError, 'received NaN'],
    ['a batch size as text', { batchSize: '16' }, OptionError, 'received "16"'],
    ['half an epoch', { epochs: 0.5 }, OptionError, 'epochs must be an integer >= 1; received 0.5'],
    ['no epochs', { epochs: undefined }, OptionError, 'received undefined'],
    ['a seed below 0', { seed: -1 }, OptionError, 'seed must be an integer >= 0; received -1'],
    ['a seed that is not exact', { seed: 2 ** 53 }, OptionError, 'received 9007199254740992'],
    ['a micro-batch 0', { microBatch: 0 }, OptionError, 'microBatch must be an integer >= 1; received 0'],
    ['a schedule that is a number', { schedule: 0.5 }, OptionError, 'a function of (step, totalSteps); received 0.5'],
    ['an unknown type', { dtype: 'half' }, OptionError, 'dtype must be one of float32, tfloat32, bfloat16; received "half"'],
    ['tfloat32 on the CPU', { dtype: 'tfloat32', device: 'cpu' }, DeviceError, 'use float32 or bfloat16'],
    ['a checkpoint that is no path', { checkpoint: 5 }, OptionError, 'the path of a file; received 5'],
    ['an empty path', { checkpoint: '' }, OptionError, 'received ""'],
    ['metadata that is no text', { metadata: { recipe: 5 } }, OptionError, 'an object of texts'],
    ['a misspelt option', { batchsize: 5 }, OptionError, 'there is no option batchsize'],
  ])('%s', (_, changed, errorClass, message) => {
    const make = (): Trainer => new Trainer(toyNetwork(), { ...right, ...changed })
    expect(make).toThrow(errorClass)
    expect(make).toThrow(message)
  })

  test('none at all, and no network', () => {
    expect(() => new Trainer(toyNetwork(), undefined as never)).toThrow(OptionError)
    for (const net of [undefined, 5, {}, NiN]) expect(() => new Trainer(net as never, right)).toThrow('expected a module')
  })

  test.each([
    ['NaN', () => NaN],
    ['negative', () => -1],
    ['infinite', (step: number) => (step === 7 ? Infinity : 1)],
    ['text', () => '1' as never],
  ])('a schedule that gives what is %s, before the first step', async (_, schedule) => {
    const net = toyNetwork()
    await expectHarmless(net, () => fit(net, train, { schedule }), OptionError, ['the factor of step'])
  })

  test.each<[string, object, ErrorClass]>([
    ['gpu', { device: 'gpu' }, OptionError],
    ['cuda:99', { device: 'cuda:99' }, DeviceError],
    ['5', { device: 5 }, OptionError],
  ])('the device %s', async (_, options, errorClass) => {
    const net = toyNetwork()
    await expectHarmless(net, () => fit(net, train, options), errorClass, ['device'])
  })
})

describe('arguments of fit that are refused:', () => {
  test.each<[string, unknown, object | null, ErrorClass, string]>([
    ['no data', undefined, {}, OptionError, 'fit: expected a data set, such as data.fromArrays makes; received undefined'],
    ['data that is none', { images: new Uint8Array(4) }, {}, OptionError, 'expected a data set'],
    ['validation that is none', train, { validation: 5 }, OptionError, 'fit: validation: expected a data set'],
    ['a signal that is none', train, { signal: {} }, OptionError, 'signal must be an AbortSignal'],
    ['a listener that is none', train, { onProgress: 5 }, OptionError, 'onProgress must be a function; received 5'],
    ['a resume that is no path', train, { resume: true }, OptionError, 'resume must be the path of a checkpoint'],
    ['a misspelt option', train, { validate: train }, OptionError, 'there is no option validate'],
    ['no options', train, null, OptionError, 'fit: options must be an object'],
  ])('%s', async (_, dataset, options, errorClass, message) => {
    const net = toyNetwork()
    await expectHarmless(net, () => fit(net, dataset as Dataset, {}, options as FitOptions), errorClass, [message])
  })

  test('an evaluation likewise', async () => {
    const trainer = new Trainer(toyNetwork(), { optimizer: toyOptimizer, batchSize: 16, epochs: 1 })
    await expect(trainer.evaluate(undefined as never)).rejects.toThrow(OptionError)
    await expect(trainer.evaluate(train, { signal: 5 as never })).rejects.toThrow('signal must be an AbortSignal')
    await expect(trainer.evaluate(train, { signal: AbortSignal.abort(new Error('mine')) })).rejects.toThrow('mine')
  })
})

describe('data that does not fit the network', () => {
  const images = (count: number, height: number, width: number, channels: number, classes: number): Dataset =>
    data.fromArrays({
      images: new Uint8Array(count * height * width * channels),
      shape: [count, height, width, channels],
      labels: new Uint8Array(count),
      classes,
    })
  test.each<[string, Dataset, readonly string[]]>([
    ['other channels', images(8, 9, 9, 3, 4), ['layer 0, Conv2d', 'expects 1 input channels', '3, 9, 9] has 3']],
    ['more classes', images(8, 9, 9, 1, 10), ['each of the data’s 10 classes', '[8, 10]', 'output is [8, 4]']],
    ['fewer classes', images(8, 9, 9, 1, 2), ['each of the data’s 2 classes', 'output is [8, 4]']],
    ['too small images', images(8, 2, 2, 1, 4), ['layer 2, MaxPool2d', '[3, 3] is larger than the padded input [2, 2]']],
  ])('%s', async (_, dataset, parts) => {
    const expected = parts.map((part) => part.replace('’', "'"))
    for (const run of [
      (net: nn.Module) => fit(net, dataset),
      (net: nn.Module) => fit(net, train, {}, { validation: dataset }),
      (net: nn.Module) => new Trainer(net, { optimizer: toyOptimizer, batchSize: 16, epochs: 1 }).evaluate(dataset),
    ]) {
      const net = toyNetwork()
      await expectHarmless(net, () => run(net), ShapeError, expected)
    }
  })

  test('labels out of range, in a data set that was made by hand', async () => {
    const net = toyNetwork()
    const wrong = { ...train, labels: train.labels.with(5, 4) }
    await expectHarmless(net, () => fit(net, wrong), DataError, ['labels must be in [0, 4)', 'received 4 at index 5'])
    expect(() => data.fromArrays({ images: new Uint8Array(4), shape: [1, 2, 2], labels: [3], classes: 3 })).toThrow(DataError)
  })

  test('more than fits into memory', async () => {
    const net = new nn.Sequential(new nn.Conv2d(1, 4, 1), new nn.AdaptiveAvgPool2d(1), new nn.Flatten()).materialize()
    const huge = data.withResize(train, 1_000_000)
    await expectHarmless(net, () => fit(net, huge), OutOfMemoryError, ['needed', 'free'])
  })
})

describe('a loss that becomes NaN', () => {
  /** Steps of 3e38 throw the weights out of float32's range, which the loss of the next step shows. */
  const exploding = (at: number) => ({
    optimizer: optim.SGD({ lr: 0.1 }),
    schedule: (step: number): number => (step === at ? 3e39 : 1),
    batchSize: 16,
    epochs: 4,
  })
  const dense = (): nn.Module => new nn.Sequential(new nn.Flatten(), new nn.Linear(81, toyClasses)).materialize()

  test.each([0, 2, 3, 4, 9])('after step %i stops the run and names the step', async (at) => {
    const error = await failure(fit(dense(), train, exploding(at)))
    expect(error).toBeInstanceOf(NonFiniteLossError)
    expect(error).toMatchObject({ code: 'ERR_NON_FINITE_LOSS', step: at + 1 })
    expect(error.message).toContain(`NaN or infinite in step ${at + 1}.`)
    expect(error.message).toContain('clipGradNorm')
  })

  test('leaves the last checkpoint byte for byte, from which a run can go on', async () => {
    const checkpoint = path('checkpoint')
    const trainer = new Trainer(dense(), { ...exploding(9), checkpoint })
    let kept: Buffer | undefined
    const run = async (): Promise<void> => {
      for await (const { epoch } of trainer.fit(train)) {
        expect(epoch).toBeLessThan(3)
        kept = await readFile(checkpoint)
      }
    }
    const error = await failure(run())
    expect(error).toBeInstanceOf(NonFiniteLossError)
    expect(error.message).toContain(`The last checkpoint, ${checkpoint}, is as it was.`)
    expect((await readFile(checkpoint)).equals(kept!)).toBe(true)
    expect(await readdir(path())).toEqual(['checkpoint'])

    const { epochs } = await fit(dense(), train, { ...exploding(-1), epochs: 4 }, { resume: checkpoint })
    expect(epochs.map(({ epoch }) => epoch)).toEqual([3, 4])
    expect(epochs.every(({ loss }) => Number.isFinite(loss))).toBe(true)
  })

  test('does not end what other networks do', async () => {
    const alone = await fit(toyNetwork(), train)
    const [good, bad] = await Promise.allSettled([fit(toyNetwork(), train), fit(dense(), train, exploding(1))])
    expect(good).toMatchObject({ status: 'fulfilled', value: alone })
    expect(bad.status).toBe('rejected')
  })
})

describe('checkpoints that are refused:', () => {
  /** A checkpoint after one epoch of two. */
  async function checkpointOf(net: nn.Module = toyNetwork(), options: Partial<TrainerOptions> = {}): Promise<string> {
    const checkpoint = path('checkpoint')
    await fit(net, train, { epochs: 1, checkpoint, ...options })
    return checkpoint
  }
  const resume = (net: nn.Module, from: string, options: Partial<TrainerOptions> = {}, dataset = train): Promise<unknown> =>
    fit(net, dataset, options, { resume: from })

  test('of another architecture, by the names of what differs', async () => {
    const other = new nn.Sequential(new nn.Conv2d(1, 3, 3), new nn.Flatten(), new nn.Linear(147, toyClasses)).materialize()
    const checkpoint = await checkpointOf(other)
    const net = toyNetwork()
    await expectHarmless(net, () => resume(net, checkpoint), CheckpointError, [
      checkpoint,
      'missing: 4.weight, 4.bias, 9.weight, 9.bias',
      'unexpected: 2.bias, 2.weight',
      'does not fit: 0.weight, which must be float32 [6, 1, 3, 3]; received float32 [3, 1, 3, 3]',
    ])
  })

  test.each<[string, Partial<TrainerOptions>, Dataset, string]>([
    ['another seed', { seed: 1 }, train, 'the run had seed 0; received 1'],
    ['another batch size', { batchSize: 8 }, train, 'the run had batchSize 16; received 8'],
    ['other data', {}, toyData(58), 'the run had samples 57; received 58'],
  ])('of %s', async (_, options, dataset, message) => {
    const checkpoint = await checkpointOf()
    const net = toyNetwork()
    await expectHarmless(net, () => resume(net, checkpoint, options, dataset), CheckpointError, [checkpoint, message])
  })

  test('of a run without momentum, for one with it', async () => {
    const checkpoint = await checkpointOf(toyNetwork(), { optimizer: optim.SGD({ lr: 0.1 }) })
    const net = toyNetwork()
    await expectHarmless(net, () => resume(net, checkpoint), CheckpointError, [checkpoint, 'the momentum of 0.weight'])
  })

  test('that are parameters alone', async () => {
    const net = toyNetwork()
    await net.save(path('parameters'))
    await expectHarmless(net, () => resume(net, path('parameters')), CheckpointError, ['parameters alone', 'net.load(path)'])
  })

  test('that are not there, are folders, or are something else', async () => {
    await mkdir(path('folder'))
    await writeFile(path('text'), 'a text that is long enough to have eight bytes of length')
    await writeFile(path('empty'), '')
    for (const name of ['missing', 'folder', 'text', 'empty']) {
      const net = toyNetwork()
      await expectHarmless(net, () => resume(net, path(name)), CheckpointError, [path(name)])
    }
  })

  test('that were cut off anywhere', async () => {
    const whole = await readFile(await checkpointOf())
    for (let i = 0; i < 40; i++) {
      const length = Math.floor((i * whole.length) / 40)
      await writeFile(path('cut'), whole.subarray(0, length))
      const error = await failure(resume(toyNetwork(), path('cut')))
      expect(error).toBeInstanceOf(CheckpointError)
      expect(error.message).toContain(path('cut'))
    }
  })

  test('that were damaged anyhow, or they are read', async () => {
    const whole = await readFile(await checkpointOf())
    let refused = 0
    await fc.assert(
      fc.asyncProperty(damaged(whole), async (bytes) => {
        await writeFile(path('damaged'), bytes)
        const outcome = await readCheckpoint(path('damaged')).catch((error: unknown) => error)
        if (!(outcome instanceof Error)) return
        expect(outcome).toBeInstanceOf(CheckpointError)
        refused++
      }),
      { numRuns: 300 },
    )
    expect(refused).toBeGreaterThan(0)
  })

  const progress = 'mlpconv.training'
  type Change = (progress: Record<string, unknown>) => unknown
  test.each<[string, Change | string]>([
    ['no JSON', 'epoch 1'],
    ['an empty text', ''],
    ['null', 'null'],
    ['another version', (whole) => ({ ...whole, version: 2 })],
    ['no seed', (whole) => ({ ...whole, seed: undefined })],
    ['a negative step', (whole) => ({ ...whole, step: -1 })],
    ['half a step', (whole) => ({ ...whole, step: 0.5 })],
    ['more steps than an epoch has', (whole) => ({ ...whole, step: 5 })],
    ['an epoch without its result', (whole) => ({ ...whole, epoch: 2 })],
    ['a result too many', (whole) => ({ ...whole, epoch: 0 })],
    ['metrics of other classes', (whole) => ({ ...whole, metrics: [0, 0, 0, 0, 0] })],
    ['metrics that are no numbers', (whole) => ({ ...whole, metrics: [null] })],
    ['something more', (whole) => ({ ...whole, more: 1 })],
  ])('whose progress is %s', async (_, change) => {
    const { tensors, metadata } = await readSafetensors(await checkpointOf())
    const whole = JSON.parse(metadata[progress]!) as Record<string, unknown>
    const text = typeof change === 'string' ? change : JSON.stringify(change(whole))
    await writeSafetensors(path('changed'), tensors, { ...metadata, [progress]: text })
    const net = toyNetwork()
    await expectHarmless(net, () => resume(net, path('changed')), CheckpointError, [path('changed')])
  })

  test('of momentum of another size or type', async () => {
    const { tensors, metadata } = await readSafetensors(await checkpointOf())
    const key = 'optimizer.momentum.4.bias'
    for (const wrong of [
      { dtype: 'float32', shape: [4], data: new Float32Array(4) },
      { dtype: 'float64', shape: [5], data: new Float64Array(5) },
    ] as const) {
      await writeSafetensors(path('changed'), new Map([...tensors, [key, wrong]]), metadata)
      const net = toyNetwork()
      await expectHarmless(net, () => resume(net, path('changed')), CheckpointError, ['the momentum of 4.bias'])
    }
  })
})

describe('a checkpoint that cannot be written', () => {
  test('is an error, and the network and the process go on', async () => {
    await writeFile(path('file'), 'not a folder')
    for (const checkpoint of [join(path('file'), 'checkpoint'), path()]) {
      const net = toyNetwork()
      const error = await failure(fit(net, train, { checkpoint }))
      expect(error).toBeInstanceOf(CheckpointError)
      expect(error.message).toContain(checkpoint)
      // The epoch before it was made.
      expect(await valuesOf(net)).toEqual((await fit(toyNetwork(), train, { epochs: 1 })).parameters)
      await expect(fit(net, train)).resolves.toBeDefined()
    }
    expect(await readdir(path())).toEqual(['file'])
  })
})

describe('a run that is stopped', () => {
  test('before it starts does nothing', async () => {
    const net = toyNetwork()
    const before = await valuesOf(net)
    const reason = new Error('mine')
    const checkpoint = path('checkpoint')
    await expect(fit(net, train, { checkpoint }, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(await valuesOf(net)).toEqual(before)
    expect(await readdir(path())).toEqual([])
    const error = await failure(fit(net, train, {}, { signal: AbortSignal.abort() }))
    expect(error.name).toBe('AbortError')
  })

  test('by an error of its listener ends with that error', async () => {
    const net = toyNetwork()
    const mine = new Error('mine')
    const onProgress = (): void => {
      throw mine
    }
    await expect(fit(net, train, {}, { onProgress })).rejects.toBe(mine)
    await expect(fit(net, train)).resolves.toBeDefined()
  })

  test('by its consumer ends, with the checkpoint of the epochs before', async () => {
    const net = toyNetwork()
    const checkpoint = path('checkpoint')
    const trainer = new Trainer(net, { optimizer: toyOptimizer, batchSize: 16, epochs: 5, checkpoint })
    for await (const { epoch } of trainer.fit(train)) if (epoch === 2) break
    expect((await readCheckpoint(checkpoint)).progress).toMatchObject({ epoch: 2, step: 0 })
    await expect(fit(net, train)).resolves.toBeDefined()
  })
})

describe('two runs at once', () => {
  test('of one network: the second is refused, the first is as it would be alone', async () => {
    const alone = await fit(toyNetwork(), train)
    const net = toyNetwork()
    const [first, error] = await Promise.all([fit(net, train), failure(fit(net, train))])
    expect(first).toEqual(alone)
    expect(error).toBeInstanceOf(OptionError)
    expect(error.message).toContain('is being trained already')
    await expect(fit(net, train)).resolves.toBeDefined()
  })

  test('of networks that share a layer: likewise', async () => {
    const shared = new nn.Linear(81, toyClasses)
    const [a, b] = [0, 1].map(() => new nn.Sequential(new nn.Flatten(), shared)) as [nn.Sequential, nn.Sequential]
    const outcomes = await Promise.allSettled([fit(a, train), fit(b, train)])
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    await expect(fit(b, train)).resolves.toBeDefined()
  })

  test('after one that did not come to its end, until its return() is called', async () => {
    const net = toyNetwork()
    const left = new Trainer(net, { optimizer: toyOptimizer, batchSize: 16, epochs: 5 }).fit(train)
    await left.next()
    await expect(fit(net, train)).rejects.toThrow(OptionError)
    await left.return()
    await expect(fit(net, train)).resolves.toBeDefined()
  })

  test('of which one is an evaluation or a prediction on the same device, do not mind each other', async () => {
    const alone = await fit(toyNetwork(), train)
    const net = toyNetwork()
    const device = openDevice(testDevice, { threads: 1 })
    const trainer = new Trainer(net, { optimizer: toyOptimizer, batchSize: 16, epochs: 3, device })
    const x = await tensor(new Float32Array(81), [1, 1, 9, 9], { device })
    const [beside, { samples }, logits] = await Promise.all([fit(net, train), trainer.evaluate(train), net.predict(x)])
    expect(beside).toEqual(alone)
    expect(samples).toBe(57)
    expect(logits.shape).toEqual([1, 4])
  })

  test('of which one would take the parameters away: that one is refused', async () => {
    const net = toyNetwork()
    const device = openDevice('cpu', { threads: 2 })
    const trainer = new Trainer(net, { optimizer: toyOptimizer, batchSize: 16, epochs: 3, device })
    const x = await tensor(new Float32Array(81), [1, 1, 9, 9], { device })
    const controller = new AbortController()
    let onProgress = (): void => undefined
    const begun = new Promise<void>((resolve) => {
      onProgress = resolve
    })
    const running = fit(net, train, { epochs: 20_000 }, { onProgress, signal: controller.signal })
    await begun
    for (const work of [() => trainer.evaluate(train), () => net.predict(x)]) {
      const error = await failure(work())
      expect(error).toBeInstanceOf(DeviceError)
      expect(error.message).toContain('is being trained already; its values cannot move; use the same device')
    }
    expect(() => net.initialize(() => init.zeros())).toThrow(OptionError)
    const reason = new Error('mine')
    controller.abort(reason)
    await expect(running).rejects.toBe(reason)
    expect((await trainer.evaluate(train)).samples).toBe(57)
  })
})

test('fifty runs leave no memory behind', async () => {
  const program = join(import.meta.dirname, 'manyRuns.mjs')
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', program])
  const { most, tenth, last } = JSON.parse(stdout) as Record<'most' | 'tenth' | 'last', number>
  // In MB. A run allocates 13 of them: what stays is garbage that is collected in time, and then nothing.
  expect(most - tenth).toBeLessThan(250)
  // What a GPU's addon frees waits in its stream, on the emulator until the next allocation: a run's memory more or less.
  expect(last - tenth).toBeLessThan(testDevice === 'cpu' ? 20 : 40)
}, 300_000)
