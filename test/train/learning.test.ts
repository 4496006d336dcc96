/** Networks learn; learning rates reach the device; a run that does not learn says so. */
import { describe, expect, test } from '@jest/globals'
import { data, nn, optim, type Dataset, type FitOptions, type Progress, type TrainerOptions } from '../../lib/index.js'
import { expectClose } from '../reference/tolerance.js'
import { handStepped, trained, type Settings } from './handStepped.js'
import { fit, toyClasses, toyData, toyNetwork } from './toy.js'
import { floatingTypes } from '../bfloat16.js'

describe('a small network learns', () => {
  test.each(floatingTypes)('what can be told apart, in %s', async (dtype) => {
    const [train, validation] = [toyData(512), data.withNormalization(toyData(128), { mean: [0.3], std: [0.3] })]
    const normalized = data.withNormalization(train, { mean: [0.3], std: [0.3] })
    const progress: Progress[] = []
    const warnings: string[] = []
    const net = new nn.Sequential(
      new nn.Conv2d(1, 8, 3, { stride: 2 }),
      new nn.ReLU(),
      new nn.Flatten(),
      new nn.Dropout(0.1),
      new nn.Linear(128, toyClasses),
    )
    const { epochs } = await fit(
      net,
      normalized,
      { dtype, epochs: 6, optimizer: optim.SGD({ lr: 0.05, momentum: 0.9 }) },
      {
        validation,
        onProgress: (each) => progress.push(each),
        onWarning: (message) => warnings.push(message),
      },
    )
    const last = epochs.at(-1)!
    expect(last.testAccuracy).toBeGreaterThan(0.95)
    expect(last.trainAccuracy).toBeGreaterThan(0.95)
    expect(last.loss).toBeLessThan(0.3 * epochs[0]!.loss)
    expect(last.testLoss).toBeLessThan(0.3)
    expect(warnings).toEqual([])

    // What is told on the way is what comes out at the end of each epoch.
    for (const { epoch, loss, trainAccuracy } of epochs) {
      const told = progress.findLast((each) => each.epoch === epoch)
      expect(told).toMatchObject({ epochs: 6, step: 32, stepsPerEpoch: 32, loss, trainAccuracy })
    }
    expect(progress.every(({ examplesPerSecond, secondsLeft }) => examplesPerSecond > 0 && secondsLeft >= 0)).toBe(true)
  })

  test('images that the device resizes', async () => {
    const net = new nn.Sequential(new nn.Flatten(), new nn.Linear(36, toyClasses))
    const optimizer = optim.SGD({ lr: 0.1, momentum: 0.9 })
    const { epochs } = await fit(net, data.withResize(toyData(256, 12), 6), { epochs: 8, optimizer })
    expect(epochs.at(-1)!.trainAccuracy).toBeGreaterThan(0.95)
  })
})

describe('as in float64, step by step:', () => {
  const base: Settings = {
    optimizer: optim.SGD({ lr: 0.5 }),
    batchSize: 16,
    epochs: 2,
    seed: 0,
    schedule: optim.schedule.constant(),
    dropped: 0,
  }
  const train = toyData(57)
  test.each<[string, Partial<Settings>, Dataset]>([
    ['a constant rate', {}, train],
    ['warm-up and decay', { schedule: optim.schedule.warmupLinearDecay({ warmup: 0.4, decay: 0.5 }) }, train],
    ['cosine', { schedule: optim.schedule.cosine() }, train],
    ['a schedule of one’s own', { schedule: (step) => (step % 3 === 1 ? 0 : 1 / (1 + step)) }, train],
    ['momentum and dampening', { optimizer: optim.SGD({ lr: 0.2, momentum: 0.9, dampening: 0.3 }) }, train],
    [
      'everything',
      {
        optimizer: optim.SGD({ lr: 0.2, momentum: 0.8, weightDecay: 0.01, nesterov: true, clipGradNorm: 0.4 }),
        schedule: optim.schedule.warmupLinearDecay({ warmup: 0.5, decay: 0.5 }),
        dropped: 0.3,
        seed: 11,
      },
      train,
    ],
    ['normalised images', {}, data.withNormalization(train, { mean: [0.25], std: [0.3] })],
    ['a batch larger than the data', { batchSize: 100, epochs: 4 }, train],
    ['batches of one', { batchSize: 1, optimizer: optim.SGD({ lr: 0.05 }) }, train],
  ])('%s', async (_, changed, dataset) => {
    const settings = { ...base, ...changed }
    const expected = handStepped(dataset, settings)
    const { weight, losses } = await trained(dataset, settings)
    expectClose(weight, expected.weight, 'float32')
    expectClose(losses, expected.losses, 'float32')
  })

  test('the schedule is asked for every step of the run, once', async () => {
    const asked: [number, number][] = []
    const schedule = (step: number, total: number): number => {
      asked.push([step, total])
      return 1
    }
    await fit(toyNetwork(), train, { schedule, epochs: 2 })
    expect(asked).toEqual(Array.from({ length: 8 }, (_, step) => [step, 8]))
  })
})

test('an evaluation changes nothing, and is that of the parameters as they are', async () => {
  const [train, validation] = [toyData(57), toyData(30)]
  const plain = await fit(toyNetwork(), train)
  const evaluated = await fit(toyNetwork(), train, {}, { validation })
  expect(evaluated.parameters).toEqual(plain.parameters)
  // The last epoch's evaluation is that of the network that came out.
  const net = toyNetwork()
  const { epochs } = await fit(net, train, {}, { validation })
  const still = { optimizer: optim.SGD({ lr: 0 }), epochs: 1, batchSize: 7 }
  const again = await fit(net, train, still, { validation })
  expect(again.epochs[0]!.testAccuracy).toBe(epochs[1]!.testAccuracy)
  expect(Math.abs(again.epochs[0]!.testLoss! / epochs[1]!.testLoss! - 1)).toBeLessThan(1e-5)
})

describe('a run that does not learn says so:', () => {
  /** 5120 samples in 320 steps an epoch. */
  const train = toyData(5120, 4)
  const still = { optimizer: optim.SGD({ lr: 0 }), epochs: 3 }

  async function warningsOf(
    net: nn.Module,
    options: Partial<TrainerOptions> = {},
    dataset = train,
    fitOptions: FitOptions = {},
  ): Promise<string[]> {
    const warnings: string[] = []
    await fit(net, dataset, { ...still, ...options }, { ...fitOptions, onWarning: (message) => warnings.push(message) })
    return warnings
  }

  /** A dense layer with small weights, so that the loss is about ln(4); `bias` is added to its logits. */
  async function guessing(bias: readonly number[], last: nn.Module[] = []): Promise<nn.Module> {
    const linear = new nn.Linear(16, toyClasses)
    const net = new nn.Sequential(new nn.Flatten(), linear, ...last).materialize()
    await linear.weight.write(Float32Array.from({ length: 64 }, (_, i) => (i % 5) / 1000))
    await linear.bias!.write(Float32Array.from(bias))
    return net
  }

  test('that the loss is still that of guessing, once, and what to try', async () => {
    const warnings = await warningsOf(await guessing([0.01, 0, 0, 0]))
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toMatch(/^after \d+ steps the loss is 1\.38\d, still about ln\(4\) = 1\.386, that of guessing\. Try: /)
    expect(warnings[0]).toContain('init.dirac')
    expect(Number(/\d+/.exec(warnings[0]!)![0])).toBeGreaterThanOrEqual(300)
  })

  test('that logits are dead, which ones, once, and what to try', async () => {
    const relu = [new nn.ReLU()]
    const one = await warningsOf(await guessing([0, -9, 0, 0], relu))
    expect(one).toHaveLength(1)
    expect(one[0]).toMatch(/^the logits of class 1 are 0 for every sample: the last ReLU is dead there/)
    expect(one[0]).toContain('init.dirac')
    const two = await warningsOf(await guessing([0, -9, 0, -9], relu))
    expect(two).toHaveLength(1)
    expect(two[0]).toMatch(/^the logits of classes 1, 3 are 0 for every sample/)
  })

  test('also if an epoch is short', async () => {
    const short = toyData(512, 4)
    expect(await warningsOf(await guessing([0.01, 0, 0, 0]), { epochs: 25 }, short)).toHaveLength(1)
  })

  test('but not before some hundred steps, nor of a few samples', async () => {
    const net = await guessing([0.01, 0, 0, 0])
    expect(await warningsOf(net, { epochs: 2, batchSize: 64 })).toEqual([])
    expect(await warningsOf(net, { epochs: 1, batchSize: 1 }, toyData(3900, 4))).toEqual([])
  })

  test('and not of one that learns', async () => {
    const optimizer = optim.SGD({ lr: 0.2, momentum: 0.9 })
    expect(await warningsOf(await guessing([0, 0, 0, 0]), { optimizer })).toEqual([])
  })

  test('and nobody need listen', async () => {
    await expect(fit(await guessing([0.01, 0, 0, 0]), train, still)).resolves.toBeDefined()
  })
})
