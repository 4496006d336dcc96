import { expect, test } from '@jest/globals'
import { DeviceError, maxPool2d, tensor } from '../../lib/index.js'
import { hasBfloat16 } from '../bfloat16.js'

test('bfloat16 is computed, or the CPU has no AVX-512 and the error says to use float32', async () => {
  const x = await tensor(Float32Array.of(1, 4, 3, 2), [1, 1, 2, 2], { dtype: 'bfloat16' })
  const y = maxPool2d(x, 2)
  if (hasBfloat16) {
    expect(await (await y).data()).toEqual(Float32Array.of(4))
    return
  }
  await expect(y).rejects.toThrow(DeviceError)
  await expect(y).rejects.toThrow('float32')
})
