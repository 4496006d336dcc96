import { expect, test } from '@jest/globals'
import { existsSync } from 'node:fs'
import {
  CheckpointError,
  DTypeError,
  DeviceError,
  DisposedError,
  OptionError,
  OutOfMemoryError,
  ShapeError,
} from '../../lib/errors.js'
import { loadAddon, wrapNativeError } from '../../lib/native/load.js'

function failure(work: () => unknown): Error {
  try {
    work()
  } catch (error) {
    return error as Error
  }
  throw new Error('expected an error')
}

test('an addon is loaded once', () => {
  const addon = loadAddon('onednn', [])
  expect(addon.backend).toBe('onednn')
  expect(loadAddon('onednn', addon.ops)).toBe(addon)
})

test('an addon that lacks ops is refused, with their names and what to do', () => {
  const error = failure(() => loadAddon('onednn', ['relu', 'foldSpace', 'unfoldTime']))
  expect(error).toBeInstanceOf(DeviceError)
  expect(error.message).toMatch(/^The onednn addon has no kernels for foldSpace, unfoldTime: .*: npm run setup$/)
})

test('an addon that is not there is an error that says what was tried and what to do', () => {
  const error = failure(() => loadAddon('nonesuch' as 'cudnn', []))
  expect(error).toBeInstanceOf(DeviceError)
  expect(error.cause).toBeDefined()
  const path = /tried: +(\S+) \(there is no such file\)$/m.exec(error.message)?.[1]
  expect(path).toMatch(/mlpconv_nonesuch\.node$/)
  expect(existsSync(path!.replace('nonesuch', 'onednn'))).toBe(true)
  expect(error.message).toContain(`for ${process.platform}-${process.arch}.`)
  expect(error.message).toContain(`Node ${process.version}, `)
  expect(error.message).toMatch(/reason: +Cannot find module/)
  expect(error.message).toMatch(/do: +npm run setup$/)
})

test.each([
  ['ERR_SHAPE', ShapeError],
  ['ERR_DTYPE', DTypeError],
  ['ERR_OPTION', OptionError],
  ['ERR_DEVICE', DeviceError],
  ['ERR_DISPOSED', DisposedError],
])('a native %s becomes a typed error', (code, type) => {
  const native = Object.assign(new TypeError('what was wrong'), { code })
  const wrapped = wrapNativeError(native)
  expect(wrapped).toBeInstanceOf(type)
  expect(wrapped).toMatchObject({ code, message: 'what was wrong', cause: native })
})

test('a native lack of memory keeps its sizes', () => {
  const native = Object.assign(new Error('full'), { code: 'ERR_OUT_OF_MEMORY', neededBytes: 8, freeBytes: 4 })
  const wrapped = wrapNativeError(native)
  expect(wrapped).toBeInstanceOf(OutOfMemoryError)
  expect(wrapped).toMatchObject({ neededBytes: 8, freeBytes: 4, message: 'full', cause: native })
})

test('a lack of memory of the real addon is wrapped, though its error is of another realm', () => {
  const device = loadAddon('onednn', []).createDevice({ index: 0, threads: 1 })
  const wrapped = wrapNativeError(failure(() => device.createBuffer(2 ** 50)))
  expect(wrapped).toBeInstanceOf(OutOfMemoryError)
  expect(wrapped).toMatchObject({ neededBytes: 2 ** 50 })
  device.dispose()
})

test('other errors stay as they are', () => {
  const others = [new Error('x'), Object.assign(new Error('x'), { code: 'ENOENT' }), 'text', undefined, new CheckpointError('x')]
  for (const other of others) expect(wrapNativeError(other)).toBe(other)
})
