import { expect, test } from '@jest/globals'
import { renderCurves } from '../../lib/cli/figure.js'
import type { Epoch } from '../../lib/trainer/checkpoint.js'

function epochs(count: number): Epoch[] {
  const rest = { examplesPerSecond: 1, seconds: 1 }
  return Array.from({ length: count }, (_, i) => ({
    epoch: i + 1,
    loss: 2 / (i + 1),
    trainAccuracy: 0.8 - 0.5 / (i + 1),
    testAccuracy: 0.75 - 0.5 / (i + 1),
    ...rest,
  }))
}

/** The texts of an SVG in their order. */
function texts(svg: string): string[] {
  return [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text!)
}

const marks = (svg: string, kind: string): RegExpMatchArray | null =>
  svg.match(new RegExp(`aria-roledescription="${kind}"`, 'g'))

test('three series with a point for each epoch, a legend, and axes that say what they are', async () => {
  const svg = await renderCurves(epochs(10), 'NiN')
  expect(svg).toMatch(/^<svg [^]*<\/svg>$/)
  expect(texts(svg)).toEqual(
    expect.arrayContaining(['NiN', 'epoch', 'loss, accuracy', ...Array.from({ length: 10 }, (_, i) => String(i + 1))]),
  )
  expect(texts(svg)).toEqual(expect.arrayContaining(['train loss', 'train accuracy', 'test accuracy']))
  expect(texts(svg)).toContain('train loss 0.200, train accuracy 0.750, test accuracy 0.700')
  expect(marks(svg, 'line mark')).toHaveLength(3)
  expect(marks(svg, 'point')).toHaveLength(30)
})

test('one epoch is three points that can be seen', async () => {
  const svg = await renderCurves(epochs(1), 'NiN')
  expect(marks(svg, 'point')).toHaveLength(3)
  expect(texts(svg)).toContain('1')
  expect(svg).not.toContain('NaN')
})

test('points within an epoch begin the axis where it began', async () => {
  const within = [0.25, 0.5, 0.75].map((epoch) => ({ epoch, loss: 2 - epoch, trainAccuracy: epoch }))
  const svg = await renderCurves([...within, ...epochs(1)], 'NiN')
  expect(marks(svg, 'point')).toHaveLength(9)
  expect(texts(svg)).toEqual(expect.arrayContaining(['0', '1']))
})

test('without a test set there are two series', async () => {
  const svg = await renderCurves(
    epochs(3).map(({ epoch, loss, trainAccuracy, examplesPerSecond, seconds }) => ({
      epoch,
      loss,
      trainAccuracy,
      examplesPerSecond,
      seconds,
    })),
    'NiN',
  )
  expect(marks(svg, 'point')).toHaveLength(6)
  expect(texts(svg)).not.toContain('test accuracy')
})

test('many epochs have neither a point nor a tick for each', async () => {
  const svg = await renderCurves(epochs(100), 'NiN')
  expect(marks(svg, 'line mark')).toHaveLength(3)
  expect(marks(svg, 'point')).toBeNull()
  expect(texts(svg)).not.toContain('99')
})

test('a title is text, whatever it is', async () => {
  expect(texts(await renderCurves(epochs(1), '<b> & "c"'))).toContain('&lt;b&gt; &amp; "c"')
})
