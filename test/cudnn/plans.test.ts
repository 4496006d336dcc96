/**
 * cuDNN has a plan for each kernel of Network in Network, without a GPU. One architecture and size by default;
 * MLPCONV_CUDNN_PLANS=write does all, which takes minutes, and writes docs/cudnn-plans.md.
 */
import { beforeAll, describe, expect, test } from '@jest/globals'
import { existsSync } from 'node:fs'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { addonPath } from '../../lib/native/load.js'
import { architectures, buildLibcuda, createKernels, type Architecture } from './deviceless.js'
import { document, failures, listed, readDocument, rowsOf, type Plans } from './planTable.js'
import { roundings, workload, type Configuration, type Rounding } from './workload.js'

const path = new URL('../../docs/cudnn-plans.md', import.meta.url)
const isWritten = process.env['MLPCONV_CUDNN_PLANS'] === 'write'
// `npm run build:cuda` builds it, for which a gigabyte is downloaded; CI does.
const describeWithCuda = existsSync(addonPath('cudnn')) ? describe : describe.skip

let libcuda = ''

async function plansOf(configuration: Configuration, architecture: Architecture): Promise<Plans> {
  const kernels = workload(configuration)
  const made = await createKernels(libcuda, architecture, kernels)
  return { configuration, architecture, kernels: kernels.map((kernel, i) => ({ kernel, made: made[i]! })) }
}

describeWithCuda('with the CUDA addon built', () => {
  beforeAll(async () => {
    libcuda = await buildLibcuda()
  })

  const names = Object.keys(roundings) as Rounding[]

  if (isWritten) {
    test('all kernels have plans, and the document says which', async () => {
      const all: Plans[] = []
      for (const rounding of names) {
        for (const size of [96, 224]) {
          for (const batch of [1, 64, 128]) {
            const plans = architectures.map((architecture) => plansOf({ rounding, size, batch }, architecture))
            all.push(...(await Promise.all(plans)))
          }
        }
      }
      expect(all.flatMap(failures)).toEqual([])
      const temporary = new URL('cudnn-plans.md.new', path)
      await writeFile(temporary, document(all), { flush: true })
      await rename(temporary, path)
    }, 3_600_000)
  } else {
    test.each(names)('all kernels have plans in %s, those of the document', async (rounding) => {
      const plans = await plansOf({ rounding, ...listed }, 'sm_90')
      expect(failures(plans)).toEqual([])
      const found = new Map([...rowsOf([plans])].map(([kernel, cells]) => [kernel, cells.get('sm_90')!]))
      expect(found.size).toBeGreaterThan(20)
      expect(found).toEqual(readDocument(await readFile(path, 'utf8'), rounding, 'sm_90'))
    }, 600_000)

    test('a kernel without a plan is an error that says why', async () => {
      const [kernel] = workload({ rounding: 'float32', size: 224, batch: 1 }).filter(({ op }) => op === 'conv2d')
      const inputs = kernel!.inputs.map((spec) => ({ ...spec, dtype: 'int32' as const }))
      const [made] = await createKernels(libcuda, 'sm_90', [{ ...kernel!, inputs }])
      expect(made).toEqual({ error: expect.stringContaining('conv2d') })
    })
  }
})
