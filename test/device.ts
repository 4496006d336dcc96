/** Which device the tests of ops and of training run on: MLPCONV_TEST_DEVICE, else the CPU. */
import type { DeviceName } from '../lib/index.js'

export const testDevice = (process.env['MLPCONV_TEST_DEVICE'] ?? 'cpu') as DeviceName
