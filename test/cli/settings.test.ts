import { describe, expect, test } from '@jest/globals'
import { join } from 'node:path'
import { findSettings, newSettings, optimizerOf, resumedSettings, settingsMetadata } from '../../lib/cli/settings.js'
import { CheckpointError, OptionError } from '../../lib/errors.js'
import { recipes } from '../../lib/models/recipes.js'

describe('newSettings', () => {
  test('is the fast preset on Fashion-MNIST if nothing is given', () => {
    expect(newSettings({})).toMatchObject({
      preset: 'fast',
      dataset: 'fashion-mnist',
      resize: 96,
      batchSize: 64,
      epochs: 1,
    })
    expect(optimizerOf(newSettings({}))).toEqual(recipes.fast.optimizer)
  })

  test("d2l is the references' run", () => {
    const settings = newSettings({ preset: 'd2l' })
    expect(settings).toMatchObject({ variant: 'd2l', blockDepth: 2, resize: 224, batchSize: 128, epochs: 10 })
    const none = { momentum: 0, dampening: 0, weightDecay: 0, nesterov: false, clipGradNorm: 0 }
    expect(optimizerOf(settings)).toEqual({ lr: 0.1, ...none })
  })

  test('what is given wins over the preset, and what is undefined or no setting is not given', () => {
    const given = { preset: 'd2l', lr: 0.5, resize: undefined, threads: 3 } as const
    expect(newSettings(given)).toEqual({ ...newSettings({ preset: 'd2l' }), lr: 0.5 })
  })

  test("without momentum there is no preset's Nesterov momentum", () => {
    expect(newSettings({ momentum: 0 }).nesterov).toBe(false)
    expect(() => optimizerOf(newSettings({ momentum: 0, nesterov: true }))).toThrow(OptionError)
  })

  test('the folder of a data set is one place, wherever the run goes on', () => {
    expect(newSettings({ dataset: 'mnist' }).dataset).toBe(join(process.cwd(), 'mnist'))
  })
})

describe('resumedSettings', () => {
  const own = newSettings({ seed: 3, epochs: 2 })

  test('are those of the run, with what may change', () => {
    expect(resumedSettings(own, { seed: 3, epochs: 4, lr: 0.2 })).toEqual({ ...own, epochs: 4, lr: 0.2 })
  })

  test('refuse what cannot change', () => {
    expect(() => resumedSettings(own, { seed: 4 })).toThrow(
      /--seed cannot change .*expected 3, as it began; received 4/,
    )
    expect(() => resumedSettings(own, { limit: 4 })).toThrow(OptionError)
  })
})

test('settings survive a checkpoint; damaged ones are an error', () => {
  const settings = newSettings({ preset: 'mlpconv', limit: 5, microBatch: 2, dtype: 'bfloat16' })
  const metadata = settingsMetadata(settings)
  expect(findSettings('run', metadata)).toEqual(settings)
  expect(findSettings('run', {})).toBeUndefined()
  for (const text of ['', '[]', JSON.stringify({ ...settings, epochs: 0 }), JSON.stringify({ ...settings, more: 1 })]) {
    expect(() => findSettings('run', { 'mlpconv.run': text })).toThrow(CheckpointError)
  }
  expect(() => findSettings('run', { 'mlpconv.run': '{}' })).toThrow(
    /^run: the record of the settings is damaged \(preset: /,
  )
})
