/** Runs repeat to the bit, also when they are stopped and resumed, and whatever their micro-batch is to rounding. */
import { describe, expect, test } from '@jest/globals'
import { copyFile } from 'node:fs/promises'
import { setImmediate as nextTick } from 'node:timers/promises'
import { nn, openDevice, optim, Trainer, type TrainerOptions } from '../../lib/index.js'
import { readCheckpoint } from '../../lib/trainer/checkpoint.js'
import { expectClose } from '../reference/tolerance.js'
import { useTemporaryFolder } from '../temporaryFolder.js'
import { handStepped, trained } from './handStepped.js'
import { relativeError } from './relativeError.js'
import { fit, flat, toyData, toyNetwork, toyOptimizer, valuesOf, type Outcome } from './toy.js'
import { floatingTypes } from '../bfloat16.js'

const path = useTemporaryFolder()

/**
 * How far parameters may be apart that differ in the order of sums only. Rounding may take the other side of a ReLU, which is
 * far more than rounding; where there is none, handStepped.ts compares more closely.
 */
const rounding = 1e-3

/** Four steps an epoch, the last of them smaller. */
const train = toyData(57)
const validation = toyData(21)

describe('a run that is repeated is the same to the bit:', () => {
  test.each<[string, Partial<TrainerOptions>]>([
    ...floatingTypes.map((dtype): [string, Partial<TrainerOptions>] => [dtype, { dtype }]),
    ['in micro-batches', { microBatch: 4 }],
    ['on the default device', { device: 'auto' }],
    ['on two threads', { device: openDevice('cpu', { threads: 2 }) }],
    ['another seed', { seed: 2 ** 53 - 1 }],
  ])('%s', async (_, options) => {
    const first = await fit(toyNetwork(), train, options, { validation })
    const second = await fit(toyNetwork(), train, options, { validation })
    expect(first.epochs).toHaveLength(2)
    expect(flat(first).every(Number.isFinite)).toBe(true)
    expect(second).toEqual(first)
  })

  test('with what else the process does', async () => {
    const alone = await fit(toyNetwork(), train)
    const [beside, other] = await Promise.all([fit(toyNetwork(), train), fit(toyNetwork(), train, { seed: 1 })])
    expect(beside).toEqual(alone)
    expect(other).not.toEqual(alone)
  })

  test('with a trainer that is used again', async () => {
    const net = toyNetwork()
    const initial = await net.stateDict()
    const trainer = new Trainer(net, { optimizer: toyOptimizer, batchSize: 16, epochs: 1 })
    const run = async (): Promise<Record<string, Float32Array>> => {
      await net.loadStateDict(initial)
      for await (const epoch of trainer.fit(train)) expect(epoch.epoch).toBe(1)
      return valuesOf(net)
    }
    const first = await run()
    expect(await run()).toEqual(first)
  })
})

describe('what a run depends on:', () => {
  test('its seed, which decides order, dropout and initial values', async () => {
    const one = await fit(toyNetwork(), train, { seed: 1 })
    const two = await fit(toyNetwork(), train, { seed: 2 })
    expect(two).not.toEqual(one)

    // Only the order differs: no dropout, the same initial values.
    const plain = (): nn.Sequential => new nn.Sequential(new nn.Flatten(), new nn.Linear(81, 4)).materialize()
    expect(await fit(plain(), train, { seed: 1 })).not.toEqual(await fit(plain(), train, { seed: 2 }))
    // Only dropout differs: one batch, whose order is all the same to the loss.
    const dropped = (): nn.Sequential =>
      new nn.Sequential(new nn.Flatten(), new nn.Dropout(), new nn.Linear(81, 4)).materialize()
    const [first, second] = await Promise.all(
      [1, 2].map((seed) => fit(dropped(), train, { seed, batchSize: 57, epochs: 1 })),
    )
    expect(relativeError(flat(first!), flat(second!))).toBeGreaterThan(1e-3)
    // Initial values come from the trainer's seed where there are none yet.
    const initial = async (seed: number): Promise<number[]> => {
      const net = new nn.Sequential(new nn.Flatten(), new nn.Linear(81, 4))
      return flat(await fit(net, train, { seed, optimizer: optim.SGD({ lr: 0 }) }))
    }
    expect(await initial(1)).toEqual(await initial(1))
    expect(await initial(1)).not.toEqual(await initial(2))
  })

  test('its number of threads, but for rounding only', async () => {
    const [one, two] = await Promise.all(
      [1, 2].map((threads) => fit(toyNetwork(), train, { device: openDevice('cpu', { threads }), epochs: 1 })),
    )
    expect(relativeError(flat(one!), flat(two!))).toBeLessThan(rounding)
  })
})

describe('micro-batches', () => {
  test.each([1, 3, 4, 8])('of %i give what one of 16 gives, to rounding', async (microBatch) => {
    const whole = await fit(toyNetwork(), train, { microBatch: 16 })
    const parts = await fit(toyNetwork(), train, { microBatch })
    expect(relativeError(flat(parts), flat(whole))).toBeLessThan(rounding)
    for (const [i, { loss, trainAccuracy }] of parts.epochs.entries()) {
      expect(Math.abs(loss / whole.epochs[i]!.loss - 1)).toBeLessThan(rounding)
      expect(trainAccuracy).toBe(whole.epochs[i]!.trainAccuracy)
    }
  })

})

describe.each([1, 2, 4, 16])('in micro-batches of %i', (microBatch) => {
  test.each([0, 7, 2 ** 40 + 3])(
    'samples come in the order of seed %i, and Philox of their number says what is dropped',
    async (seed) => {
      // 57 = 3 * 16 + 9: the last step of an epoch is smaller. All numbers go on from one epoch to the next.
      const optimizer = optim.SGD({ lr: 0.5 })
      const settings = { optimizer, batchSize: 16, epochs: 3, seed, schedule: optim.schedule.constant(), dropped: 0.5 }
      const expected = handStepped(train, settings)
      const { weight, losses } = await trained(train, { ...settings, microBatch })
      expectClose(weight, expected.weight, 'float32')
      expectClose(losses, expected.losses, 'float32')
    },
  )
})

// ---- Stopping and resuming

const reason = new Error('stopped by the test')

/**
 * Starts or resumes a run, and stops it after its first native call, which is of one step, if it is told so.
 *
 * @returns undefined if it was stopped
 */
async function run(
  checkpoint: string,
  { stop, resume, ...options }: { stop: boolean; resume?: string | undefined } & Partial<TrainerOptions>,
): Promise<Outcome | undefined> {
  const controller = new AbortController()
  const onProgress = (): void => {
    if (stop) controller.abort(reason)
  }
  try {
    const fitOptions = { validation, resume, signal: controller.signal, onProgress }
    return await fit(toyNetwork(), train, { checkpoint, ...options }, fitOptions)
  } catch (error) {
    expect(error).toBe(reason)
    return undefined
  }
}

describe('a run that was stopped and resumed', () => {
  test('after every step, and after any one of them, gives the bits of one that was not', async () => {
    const whole = (await run(path('whole'), { stop: false }))!
    expect(whole.epochs.map(({ epoch }) => epoch)).toEqual([1, 2])

    // Each run makes one step and stops; the next goes on. All checkpoints are kept.
    let checkpoints = 0
    let resume: string | undefined
    while (!(await run(path('stopped'), { resume, stop: true }))) {
      resume = path(`stopped-${++checkpoints}`)
      await copyFile(path('stopped'), resume)
      if (checkpoints > 8) throw new Error('the run does not come to its end')
    }
    // Four steps an epoch; after the last of an epoch it is stopped before its evaluation.
    expect(checkpoints).toBe(8)

    for (let i = 1; i <= checkpoints; i++) {
      const resumed = (await run(path('resumed'), { resume: path(`stopped-${i}`), stop: false }))!
      expect(resumed.parameters).toEqual(whole.parameters)
      // A run yields the epochs that it ended itself.
      expect(resumed.epochs).toEqual(whole.epochs.slice(i <= 4 ? 0 : 1))
    }
  })

  test('at any moment, while the device works, gives the same bits', async () => {
    for (const ticks of [0, 1, 10, 100]) {
      const controller = new AbortController()
      const options = { batchSize: 2, microBatch: 1, checkpoint: path('stopped') }
      let onProgress = (): void => undefined
      const begun = new Promise<void>((resolve) => {
        onProgress = resolve
      })
      const fitOptions = { signal: controller.signal, onProgress }
      const running = fit(toyNetwork(), train, { ...options, epochs: 10_000 }, fitOptions)
      await begun
      for (let i = 0; i < ticks; i++) await nextTick()
      controller.abort(reason)
      await expect(running).rejects.toBe(reason)

      const { progress } = await readCheckpoint(path('stopped'))
      const epochs = progress.epoch + 1
      const resumed = await fit(toyNetwork(), train, { ...options, epochs }, { resume: path('stopped') })
      const whole = await fit(toyNetwork(), train, { ...options, epochs })
      expect(resumed.parameters).toEqual(whole.parameters)
    }
  })

  test('with another micro-batch goes on to the same end, to rounding', async () => {
    const whole = (await run(path('whole'), { stop: false }))!
    await run(path('stopped'), { stop: true, microBatch: 4 })
    const resumed = (await run(path('resumed'), { resume: path('stopped'), stop: false }))!
    expect(relativeError(flat(resumed), flat(whole))).toBeLessThan(rounding)
  })

  test('after its end yields nothing more, and with more epochs goes on', async () => {
    const whole = (await run(path('whole'), { stop: false }))!
    const again = await run(path('again'), { resume: path('whole'), stop: false })
    expect(again).toEqual({ epochs: [], parameters: whole.parameters })
    const more = await run(path('more'), { resume: path('whole'), stop: false, epochs: 3 })
    const three = (await run(path('three'), { stop: false, epochs: 3 }))!
    expect(more).toEqual({ epochs: three.epochs.slice(2), parameters: three.parameters })
  })
})
