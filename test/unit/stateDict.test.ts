import { describe, expect, test } from '@jest/globals'
import { readFile, writeFile } from 'node:fs/promises'
import { readSafetensors, type StoredTensor, writeSafetensors } from '../../lib/checkpoint/safetensors.js'
import { CheckpointError, ShapeError } from '../../lib/errors.js'
import { NiN } from '../../lib/models/nin.js'
import * as init from '../../lib/init/index.js'
import * as nn from '../../lib/nn/index.js'
import { Random } from '../../lib/random.js'
import { Tensor } from '../../lib/tensor.js'
import { loadFixture, networkFixtures, type NetworkDescription } from '../fixtures/load.js'
import { useTemporaryFolder } from '../temporaryFolder.js'
import { fakeDevice } from './fakeDevice.js'

const file = useTemporaryFolder()
const net = (): nn.Module => new nn.Sequential(new nn.Conv2d(2, 3, 2), new nn.Flatten(), new nn.Linear(12, 4))
const valuesOf = (module: nn.Module): Promise<Float32Array[]> =>
  Promise.all(module.parameters().map((parameter) => parameter.read()))

test('stateDict has keys, shapes and values in logical order', async () => {
  const module = net().materialize(undefined, { seed: 4 })
  const state = await module.stateDict()
  expect([...state].map(([key, { dtype, shape }]) => [key, dtype, shape])).toEqual([
    ['0.weight', 'float32', [3, 2, 2, 2]],
    ['0.bias', 'float32', [3]],
    ['2.weight', 'float32', [4, 12]],
    ['2.bias', 'float32', [4]],
  ])
  expect([...state.values()].map(({ data }) => data)).toEqual(await valuesOf(module))
})

test('a state goes from one network to another', async () => {
  const [from, to] = [net().materialize(undefined, { seed: 1 }), net().materialize(undefined, { seed: 2 })]
  await to.loadStateDict(await from.stateDict())
  expect(await valuesOf(to)).toEqual(await valuesOf(from))
})

test('a network without values gets those of seed 0; a lazy one has none', async () => {
  expect(await net().stateDict()).toEqual(await net().materialize().stateDict())
  await expect(new nn.LazyLinear(3).stateDict()).rejects.toThrow(ShapeError)
})

test('a lazy network takes the shapes of a state', async () => {
  const known = net().materialize()
  const lazy = new nn.Sequential(new nn.LazyConv2d(3, 2), new nn.Flatten(), new nn.LazyLinear(4))
  await lazy.loadStateDict(await known.stateDict())
  expect(await lazy.stateDict()).toEqual(await known.stateDict())
})

test('tied parameters are stored under both keys', async () => {
  const shared = new nn.Linear(2, 2)
  const tied = new nn.Sequential(shared, shared).materialize()
  const state = await tied.stateDict()
  expect([...state.keys()]).toEqual(['0.weight', '0.bias', '1.weight', '1.bias'])
  await tied.loadStateDict(state)
  expect(await tied.stateDict()).toEqual(state)
})

describe('files', () => {
  test('save and load are the same to the bit, with metadata', async () => {
    const module = net().materialize(undefined, { seed: 7 })
    await module.save(file('net.safetensors'), { note: 'seven' })
    const other = net()
    await other.load(file('net.safetensors'))
    expect(await other.stateDict()).toEqual(await module.stateDict())
    expect((await readSafetensors(file('net.safetensors'))).metadata).toEqual({ note: 'seven' })
  })

  test("a training run's checkpoint loads: the optimizer's tensors are left aside", async () => {
    const state = await net().stateDict()
    const momentum: StoredTensor = { dtype: 'float32', shape: [3], data: new Float32Array(3) }
    await writeSafetensors(file('run.safetensors'), new Map([...state, ['optimizer.momentum.0.bias', momentum]]))
    const other = net().materialize(undefined, { seed: 3 })
    await other.load(file('run.safetensors'))
    expect(await other.stateDict()).toEqual(state)
  })

  test('errors name the file', async () => {
    await net().save(file('net.safetensors'))
    const other = new nn.Linear(2, 2)
    await expect(other.load(file('net.safetensors'))).rejects.toThrow(
      `${file('net.safetensors')} does not fit the network`,
    )
    await expect(other.load(file('none.safetensors'))).rejects.toThrow(CheckpointError)
    await writeFile(file('cut.safetensors'), (await readFile(file('net.safetensors'))).subarray(0, 100))
    await expect(other.load(file('cut.safetensors'))).rejects.toThrow(CheckpointError)
    await expect(other.save(file('net.safetensors', 'is-no-folder'))).rejects.toThrow(CheckpointError)
  })
})

describe('a state that does not fit', () => {
  const wrong: [string, (state: Map<string, StoredTensor>) => unknown, string[]][] = [
    ['missing keys', (state) => ['0.bias', '2.weight'].map((key) => state.delete(key)), ['missing: 0.bias, 2.weight']],
    ['unexpected keys', (state) => state.set('4.weight', state.get('0.bias')!), ['unexpected: 4.weight']],
    [
      'another shape',
      (state) => state.set('0.weight', { dtype: 'float32', shape: [3, 2, 3, 3], data: new Float32Array(54) }),
      ['does not fit: 0.weight, which must be float32 [3, 2, 2, 2]; received float32 [3, 2, 3, 3]'],
    ],
    [
      'another rank',
      (state) => state.set('2.bias', { dtype: 'float32', shape: [4, 1], data: new Float32Array(4) }),
      ['does not fit: 2.bias, which must be float32 [4]; received float32 [4, 1]'],
    ],
    [
      'another type',
      (state) => state.set('2.bias', { dtype: 'float64', shape: [4], data: new Float64Array(4) }),
      ['does not fit: 2.bias, which must be float32 [4]; received float64 [4]'],
    ],
    [
      'everything at once',
      (state) => {
        const bias = state.get('0.bias')!
        state.delete('0.bias')
        state.set('1.bias', bias).set('2.bias', bias).set('2.weight', bias)
      },
      [
        'missing: 0.bias',
        'unexpected: 1.bias',
        'does not fit: 2.weight, which must be float32 [4, 12]; received float32 [3]',
        'does not fit: 2.bias, which must be float32 [4]; received float32 [3]',
      ],
    ],
  ]
  test.each(wrong)('%s: one error says all, and nothing is loaded', async (_, change, problems) => {
    const state = new Map<string, StoredTensor>(await net().materialize(undefined, { seed: 1 }).stateDict())
    change(state)
    const module = net().materialize(undefined, { seed: 2 })
    const before = await module.stateDict()
    const loading = module.loadStateDict(state)
    await expect(loading).rejects.toThrow(CheckpointError)
    await expect(loading).rejects.toThrow(
      [
        'the state does not fit the network, and nothing was loaded;',
        'make the network with the options of the one that was saved.',
        ...problems,
      ].join('\n  '),
    )
    expect(await module.stateDict()).toEqual(before)
  })

  test('a checkpoint of another architecture', async () => {
    const state = await new NiN({ channels: [2, 3, 4] }).stateDict()
    await expect(new NiN({ channels: [2, 3, 4], blockDepth: 1 }).loadStateDict(state)).rejects.toThrow(
      /unexpected: 0.4.weight, 0.4.bias, 2.4.weight/,
    )
    await expect(new NiN({ channels: [2, 3, 5] }).loadStateDict(state)).rejects.toThrow(
      /4.0.weight, which must be float32 \[5, 3, 3, 3\]; received float32 \[4, 3, 3, 3\]/,
    )
  })
})

describe('PyTorch', () => {
  test.each(networkFixtures)('%s: its state_dict is ours', async (name) => {
    const { description, names, stored } = await loadFixture<NetworkDescription>(name)
    const { variant, inChannels, channels, numClasses, depth, imageSize } = description
    const module = new NiN({ variant, inChannels, channels, numClasses, blockDepth: depth })
    module.inferShapes([1, inChannels, imageSize, imageSize])
    const shapes = module.namedParameters().map(([key, { shape }]) => [key, shape] as const)
    expect(new Map(shapes)).toEqual(new Map(names('initial.').map((key) => [key, stored(`initial.${key}`).shape])))
  })
})

describe('parameters on a device', () => {
  const parameter = (): nn.Parameter => {
    const made = new nn.Parameter([2, 3, 2, 2], init.normal())
    made.materialize(new Random(1))
    return made
  }

  test('move there once, at first use, and are read back in logical order', async () => {
    const device = fakeDevice()
    const moved = parameter()
    const before = await moved.read()
    expect(moved.tensor).toBeUndefined()
    const [first, second] = await Promise.all([moved.onDevice(device), moved.onDevice(device)])
    expect(first).toBe(second)
    expect(await moved.onDevice(device)).toBe(first)
    expect(moved.tensor).toBe(first)
    expect(await moved.read()).toEqual(before)
  })

  test('follow to another device with their values', async () => {
    const moved = parameter()
    const before = await moved.read()
    const [a, b] = [fakeDevice(), fakeDevice()]
    await moved.onDevice(a)
    expect((await moved.onDevice(b)).device).toBe(b)
    expect(await moved.read()).toEqual(before)
    const [onA, onB] = await Promise.all([moved.onDevice(a), moved.onDevice(b)])
    expect([onA.device, onB.device]).toEqual([a, b])
    expect(await moved.read()).toEqual(before)
  })

  test('the tensor is the truth: reads see it, writes go to it', async () => {
    const moved = parameter()
    const tensor = await moved.onDevice(fakeDevice())
    const values = Float32Array.from({ length: 24 }, (_, i) => i)
    await tensor.assign(values)
    expect(await moved.read()).toEqual(values)
    await moved.write(values.map((value) => -value))
    expect(moved.tensor).toBe(tensor)
    expect(await tensor.data()).toEqual(values.map((value) => -value))
  })

  test('an adopted tensor takes their place', async () => {
    const adopting = parameter()
    const device = fakeDevice()
    const values = Float32Array.from({ length: 24 }, (_, i) => i)
    const tensor = await Tensor.from(values, [2, 3, 2, 2], { dtype: 'float32', device })
    adopting.adopt(tensor)
    expect(await adopting.read()).toEqual(values)
    expect(await adopting.onDevice(device)).toBe(tensor)
    const other = await Tensor.from(values, [24], { dtype: 'float32', device })
    expect(() => adopting.adopt(other)).toThrow(ShapeError)
  })

  test('values that come while they move win', async () => {
    const device = fakeDevice()
    const moving = parameter()
    const values = new Float32Array(24).fill(3)
    const moved = moving.onDevice(device)
    await moving.write(values)
    expect(await (await moved).data()).toEqual(values)
    expect(await moving.read()).toEqual(values)
  })

  test('a failed move leaves the values where they are', async () => {
    const device = fakeDevice()
    const staying = parameter()
    const before = await staying.read()
    device.native.createBuffer = () => {
      throw Object.assign(new Error('full'), { code: 'ERR_OUT_OF_MEMORY', neededBytes: 96, freeBytes: 0 })
    }
    await expect(staying.onDevice(device)).rejects.toThrow('full')
    expect(await staying.read()).toEqual(before)
    expect((await staying.onDevice(fakeDevice())).shape).toEqual([2, 3, 2, 2])
  })

  test('new initializers drop values on the device too', async () => {
    const layer = new nn.Linear(2, 2).materialize()
    await layer.weight.onDevice(fakeDevice())
    layer.initialize((name) => (name === 'weight' ? init.constant(1) : undefined)).materialize()
    expect([...(await layer.weight.read())]).toEqual([1, 1, 1, 1])
  })
})
