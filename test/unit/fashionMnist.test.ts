import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { createHash } from 'node:crypto'
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { fashionMnist, fashionMnistClasses } from '../../lib/data/index.js'
import { DataError, OptionError } from '../../lib/errors.js'
import {
  dataFolder,
  defaultSources,
  folder,
  loadFashionMnist,
  mirror,
  type Source,
} from '../../scripts/fashion-mnist.mjs'
import { useTemporaryFolder } from '../temporaryFolder.js'

describe('the data set', () => {
  test('is Fashion-MNIST: its sizes, classes and statistics', async () => {
    const { train, test } = await fashionMnist()
    expect(train.shape).toEqual({ count: 60_000, channels: 1, height: 28, width: 28 })
    expect(test.shape).toEqual({ count: 10_000, channels: 1, height: 28, width: 28 })
    for (const { labels, classes, shape } of [train, test]) {
      expect(classes).toEqual(fashionMnistClasses)
      const counts = new Array<number>(10).fill(0)
      for (const label of labels) counts[label]!++
      expect(counts).toEqual(new Array(10).fill(shape.count / 10))
    }
    expect([...train.labels.subarray(0, 10)]).toEqual([9, 0, 0, 3, 0, 2, 7, 2, 5, 5])
    const mean = train.images.reduce((sum, value) => sum + value, 0) / train.images.length
    const variance = train.images.reduce((sum, value) => sum + (value - mean) ** 2, 0) / train.images.length
    expect(mean / 255).toBeCloseTo(0.286, 3)
    expect(Math.sqrt(variance) / 255).toBeCloseTo(0.353, 3)
    expect(train).not.toHaveProperty('resize')
    expect(train).not.toHaveProperty('normalize')
  })

  test('has the options that were asked for', async () => {
    const { train, test } = await fashionMnist({ resize: 96, normalize: true, limit: 20 })
    for (const { shape, resize, normalize } of [train, test]) {
      expect(shape.count).toBe(20)
      expect(resize).toEqual([96, 96])
      expect(normalize).toEqual({ mean: [0.286], std: [0.353] })
    }
    const own = { mean: [0.5], std: [0.5] }
    expect((await fashionMnist({ normalize: own, limit: 1 })).train.normalize).toEqual(own)
    expect((await fashionMnist({ normalize: false, limit: 1 })).train).not.toHaveProperty('normalize')
  })

  test.each([{ resize: 0 }, { limit: 0 }, { limits: 3 }])('refuses %o', async (options) => {
    await expect(fashionMnist(options)).rejects.toThrow(OptionError)
  })

  test('from a folder without it is a DataError that says what was tried', async () => {
    await expect(fashionMnist({ folder: '/nowhere' })).rejects.toThrow(DataError)
    await expect(fashionMnist({ folder: '/nowhere' })).rejects.toThrow(
      /set MLPCONV_DATA.*\n {2}folder \(\/nowhere\): train-images-idx3-ubyte\[.gz\] is not there/,
    )
  })
})

describe('the sources', () => {
  const path = useTemporaryFolder()
  const contents = new Map(['first', 'second', 'third'].map((name, i) => [name, Buffer.alloc(5000 + i, name)]))
  const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex')
  const expected = [...contents].map(([name, data]) => ({ name, bytes: data.length, sha256: sha256(data) }))
  const patience = { answer: 300, pause: 300 }

  let server: Server
  let requests: string[]
  let answer: (response: ServerResponse, name: string) => void
  let url: string

  const packed = (name: string): Buffer => gzipSync(contents.get(name)!)
  const send = (response: ServerResponse, name: string): void => {
    response.end(packed(name))
  }

  beforeEach(async () => {
    requests = []
    answer = send
    server = createServer((request, response) => {
      requests.push(request.url!)
      answer(response, /([a-z]+)\.gz$/.exec(request.url!)![1]!)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterEach(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  const env = (): NodeJS.ProcessEnv => ({ MLPCONV_CACHE: path('cache') })
  const cache = (): Source => folder('cache', dataFolder(env()))
  const load = (...sources: Source[]): Promise<Record<string, Uint8Array>> =>
    loadFashionMnist({ env: env(), sources: [cache(), ...sources], expected })
  const cached = async (): Promise<string[]> => readdir(dataFolder(env())).catch(() => [])
  const fill = async (target: string, name: string, data: Uint8Array): Promise<void> => {
    await mkdir(target, { recursive: true })
    await writeFile(`${target}/${name}`, data)
  }

  test('stand in this order', () => {
    const names = defaultSources({ MLPCONV_DATA: '/data', MLPCONV_CACHE: '/cache' }).map(({ name }) => name)
    expect(names).toEqual([
      'MLPCONV_DATA (/data)',
      'cache (/cache/fashion-mnist)',
      'system (/usr/share/datasets/fashion-mnist)',
      'https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion',
      'https://fashion-mnist.s3.eu-central-1.amazonaws.com',
      'apt-get download dataset-fashion-mnist',
    ])
    expect(defaultSources({ MLPCONV_CACHE: '/cache' })[0]!.name).toBe('cache (/cache/fashion-mnist)')
  })

  test('a mirror fills the cache, and the second time nothing is fetched', async () => {
    expect(await load(mirror(url))).toEqual(Object.fromEntries(contents))
    expect(requests).toEqual(['/first.gz', '/second.gz', '/third.gz'])
    expect(await cached()).toEqual(['first', 'second', 'third'])
    for (const [name, data] of contents) expect(await readFile(`${dataFolder(env())}/${name}`)).toEqual(data)
    expect(await load(mirror(url))).toEqual(Object.fromEntries(contents))
    expect(requests).toHaveLength(3)
  })

  test('only what is missing or damaged in the cache is fetched', async () => {
    await load(mirror(url))
    await fill(dataFolder(env()), 'second', contents.get('second')!.subarray(1))
    requests = []
    expect(await load(mirror(url))).toEqual(Object.fromEntries(contents))
    expect(requests).toEqual(['/second.gz'])
    expect(await readFile(`${dataFolder(env())}/second`)).toEqual(contents.get('second'))
  })

  test('a folder of the system is read where it is, packed or not', async () => {
    await fill(path('system'), 'first', contents.get('first')!)
    await fill(path('system'), 'second.gz', packed('second'))
    await fill(path('system'), 'third.gz', packed('third'))
    expect(await load(folder('system', path('system')), mirror(url))).toEqual(Object.fromEntries(contents))
    expect(requests).toEqual([])
    expect(await cached()).toEqual([])
  })

  const html = Buffer.from('<!doctype html><title>Not found</title>')
  const zeros = gzipSync(Buffer.alloc(50_000_000))
  const flipped = Buffer.from(contents.get('second')!)
  flipped[4321]! ^= 1
  const half = packed('second').subarray(0, -10)
  const corrupted = Buffer.concat([half.subarray(0, 20), Buffer.alloc(9, 7)])
  const received = (data: Uint8Array): RegExp => new RegExp(`received ${sha256(data)} \\(${data.length} bytes\\)`)
  test.each<[string, (response: ServerResponse) => void, RegExp]>([
    ['HTML in place of gzip', (response) => response.end(html), received(html)],
    ['one wrong bit', (response) => response.end(gzipSync(flipped)), received(flipped)],
    ['a truncated file', (response) => response.end(half), /received [0-9a-f]{64} \(\d+ bytes\)/],
    ['corrupted gzip', (response) => response.end(corrupted), received(corrupted)],
    ['nothing', (response) => response.end(), received(Buffer.of())],
    ['gzip of much more', (response) => response.end(zeros.subarray(0, 4000)), /received [0-9a-f]{64}/],
  ])('%s is refused by its hash, and nothing of it stays', async (_, reply, message) => {
    answer = (response, name) => {
      if (name === 'second') reply(response)
      else send(response, name)
    }
    const error = (await load(mirror(url)).catch((reason: unknown) => reason)) as Error
    expect(error.message).toContain(`${url}: second is not the expected file: expected SHA-256 ${expected[1]!.sha256}`)
    expect(error.message).toMatch(message)
    expect(await cached()).toEqual(['first'])
  })

  test.each<[string, (response: ServerResponse) => void, RegExp]>([
    ['that is not there', (response) => response.writeHead(404).end(), /HTTP 404/],
    [
      'that is cut off',
      (response) => response.writeHead(200, { 'content-length': 99 }).write('x', () => response.destroy()),
      /terminated/,
    ],
    ['that never answers', () => undefined, /no answer within 300 ms/],
    ['that stops half-way', (response) => response.write(half.subarray(0, 10)), /nothing came for 300 ms/],
    ['that is too large', (response) => response.end(Buffer.alloc(6000)), /more than 5001 bytes came/],
  ])('a file %s leads to the next source', async (_, reply, message) => {
    answer = (response, name) => {
      if (name === 'second') reply(response)
      else send(response, name)
    }
    await expect(load(mirror(url, patience))).rejects.toThrow(message)
    expect(await cached()).toEqual(['first'])
    for (const name of ['second', 'third']) await fill(path('other'), name, contents.get(name)!)
    expect(await load(mirror(url, patience), folder('other', path('other')))).toEqual(Object.fromEntries(contents))
    expect(await cached()).toEqual(['first'])
  })

  test('a mirror that fails is asked no more, and a port where nobody listens is told', async () => {
    answer = (response) => response.writeHead(500).end()
    await expect(load(mirror(url), mirror('http://127.0.0.1:1'))).rejects.toThrow(
      /HTTP 500[^]*http:\/\/127.0.0.1:1: fetch failed/,
    )
    expect(requests).toEqual(['/first.gz'])
    expect(await cached()).toEqual([])
  })

  test('a folder that the user named must do', async () => {
    await fill(path('data'), 'first', contents.get('first')!)
    await fill(path('data'), 'second', html)
    const sources = [folder('MLPCONV_DATA', path('data'), true), mirror(url)]
    await expect(loadFashionMnist({ env: env(), sources, expected })).rejects.toThrow(
      /MLPCONV_DATA .*second is not the expected/,
    )
    expect(requests).toEqual([])
  })

  test('each remote source is told before it is asked', async () => {
    const asked: string[] = []
    answer = (response) => response.writeHead(404).end()
    const sources = [cache(), mirror(`${url}/a`), mirror(`${url}/b`)]
    await expect(
      loadFashionMnist({ env: env(), sources, expected, onProgress: (source) => asked.push(source) }),
    ).rejects.toThrow('could not be had')
    expect(asked).toEqual([`${url}/a`, `${url}/b`])
  })
})
