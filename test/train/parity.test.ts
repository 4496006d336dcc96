/** Networks give PyTorch's logits, losses, gradients and parameters after ten steps. */
import { describe, expect, test } from '@jest/globals'
import { readFile } from 'node:fs/promises'
import { crossEntropy, optim, tensor, Trainer, vjp, type Tensor, type Tracer } from '../../lib/index.js'
import { networkFixtures } from '../fixtures/load.js'
import { expectClose } from '../reference/tolerance.js'
import { useTemporaryFolder } from '../temporaryFolder.js'
import { emptyNetwork, initialState, loadNetwork, type FixtureNetwork } from './network.js'
import { relativeError } from './relativeError.js'
import { testBfloat16 } from '../bfloat16.js'

const path = useTemporaryFolder()

/** Each of a dozen layers rounds to 8 bits, and rounding takes another side of some ReLUs and maxima. */
const networkTolerance = 2e-2

const input = ({ x }: FixtureNetwork, dtype: 'float32' | 'bfloat16'): Promise<Tensor> =>
  dtype === 'float32'
    ? tensor(Float32Array.from(x.data), x.shape)
    : tensor(Float32Array.from(x.data), x.shape, { dtype })

const floats = async (result: Tensor): Promise<Float32Array> => (await result.data()) as Float32Array

describe.each(networkFixtures)('%s gives what PyTorch gives:', (name) => {
  test('logits', async () => {
    const network = await loadNetwork(name)
    const logits = await network.net.predict(await input(network, 'float32'))
    expectClose(await floats(logits), network.fixture.tensor('logits'), 'float32')
  })

  testBfloat16('logits in bfloat16', async () => {
    const network = await loadNetwork(name)
    const logits = await network.net.predict(await input(network, 'bfloat16'))
    expect(logits.dtype).toBe('bfloat16')
    expect(relativeError(await floats(logits), network.fixture.tensor('logits').data)).toBeLessThan(networkTolerance)
  })

  test('loss and the gradients of all parameters', async () => {
    const network = await loadNetwork(name)
    const { net, fixture, labels } = network
    const named = net.namedParameters()
    const { outputs, parameterGradients } = await vjp(
      (x: Tracer, y: Tracer) => crossEntropy(net.trace(x), y),
      [await input(network, 'float32'), await tensor(labels, [labels.length])],
      [await tensor(Float32Array.of(1), [1])],
      { parameters: named.map(([, parameter]) => parameter), training: true },
    )
    expectClose(await floats(outputs[0]!), fixture.tensor('loss'), 'float32')
    expect(named.map(([key]) => key).sort()).toEqual(fixture.names('gradients.').sort())
    for (const [i, [key]] of named.entries()) {
      const expected = fixture.tensor(`gradients.${key}`)
      expect(parameterGradients[i]!.shape).toEqual(expected.shape)
      expectClose(await floats(parameterGradients[i]!), expected, 'float32')
    }
  })

  test.each(['plain', 'nesterov', 'clip'] as const)('ten steps of the trainer with SGD: %s', async (setting) => {
    const { fixture, net, dataset } = await loadNetwork(name)
    const options = { optimizer: optim.SGD(fixture.description.sgd[setting]), batchSize: dataset.shape.count, epochs: 10 }
    const losses: number[] = []
    for await (const { loss } of new Trainer(net, options).fit(dataset)) losses.push(loss)
    expectClose(losses, fixture.tensor(`${setting}.losses`), 'float32')
    for (const [key, { data }] of await net.stateDict()) {
      expectClose(data, fixture.tensor(`${setting}.parameters.${key}`), 'float32')
    }
  })

  // PyTorch's own bfloat16 parts from float64 by a third of the loss within ten steps, so only the first is comparable.
  testBfloat16('the loss of the trainer in bfloat16, which falls', async () => {
    const { fixture, net, dataset } = await loadNetwork(name)
    const optimizer = optim.SGD(fixture.description.sgd.plain)
    const trainer = new Trainer(net, { optimizer, batchSize: dataset.shape.count, epochs: 10, dtype: 'bfloat16' })
    const losses: number[] = []
    for await (const { loss } of trainer.fit(dataset)) losses.push(loss)
    expect(relativeError(losses.slice(0, 1), fixture.tensor('loss').data)).toBeLessThan(networkTolerance)
    expect(losses.at(-1)).toBeLessThan(losses[0]!)
  })

  test('the evaluation before the first step', async () => {
    const { fixture, net, dataset } = await loadNetwork(name)
    const trainer = new Trainer(net, { optimizer: optim.SGD({ lr: 0 }), batchSize: 3, epochs: 1 })
    const { loss, samples } = await trainer.evaluate(dataset)
    expect(samples).toBe(dataset.shape.count)
    expectClose([loss], fixture.tensor('loss'), 'float32')
  })

  test('a saved file holds the state_dict, byte for byte, and gives its logits again', async () => {
    const network = await loadNetwork(name)
    const { fixture, net } = network
    await net.save(path('nin.safetensors'))

    // The format is read by hand here, so that a mistake in our reader cannot hide one in our writer.
    const file = await readFile(path('nin.safetensors'))
    const headerBytes = Number(file.readBigUInt64LE(0))
    const header = JSON.parse(file.toString('utf8', 8, 8 + headerBytes)) as Record<string, unknown>
    delete header['__metadata__']
    const expected = initialState(fixture)
    expect(Object.keys(header).sort()).toEqual([...expected.keys()].sort())
    for (const [key, { shape, data }] of expected) {
      const entry = header[key] as { dtype: string; shape: number[]; data_offsets: [number, number] }
      expect({ key, dtype: entry.dtype, shape: entry.shape }).toEqual({ key, dtype: 'F32', shape })
      const [begin, end] = entry.data_offsets.map((offset) => 8 + headerBytes + offset)
      const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
      expect(file.subarray(begin, end).equals(bytes)).toBe(true)
    }

    const again = emptyNetwork(fixture)
    await again.load(path('nin.safetensors'))
    const logits = await again.predict(await input(network, 'float32'))
    expectClose(await floats(logits), fixture.tensor('logits'), 'float32')
  })
})
