/**
 * One trial of ours: the preset `fast` until the test accuracy is reached. Training goes on while an evaluation waits for
 * its turn on the device. Prints one line of JSON.
 */
import { data, NiN, openDevice, recipes, Trainer } from 'mlpconv'
import { accuracyOptions } from '../accuracy.js'

const options = accuracyOptions.parse(JSON.parse(process.argv[2] ?? '{}'))

const sets = await data.fashionMnist({ resize: options.size, normalize: true })
const [train, test] = [data.limit(sets.train, options.train), data.limit(sets.test, options.test)]
const { initialize, optimizer, schedule } = recipes.fast
const net = new NiN()
net.initialize(initialize)
const device = openDevice('cpu', { threads: options.threads })
const trainer = new Trainer(net, { optimizer, schedule, batchSize: options.batchSize, epochs: 1, device, seed: options.seed })

const start = performance.now()
const reached = new AbortController()
let seconds: number | undefined
let highest = 0
const see = (accuracy: number): void => {
  highest = Math.max(highest, accuracy)
  if (accuracy < options.accuracy || seconds !== undefined) return
  seconds = (performance.now() - start) / 1000
  reached.abort()
}

let next = options.every
let evaluating: Promise<void> | undefined
const onProgress = ({ step }: { readonly step: number }): void => {
  if (step < next || evaluating) return
  next = step + options.every
  evaluating = trainer.evaluate(test).then(({ accuracy }) => {
    evaluating = undefined
    see(accuracy)
  })
}
try {
  for await (const { testAccuracy } of trainer.fit(train, { validation: test, signal: reached.signal, onProgress })) see(testAccuracy!)
} catch (error) {
  if (!reached.signal.aborted) throw error
}
await evaluating
if (seconds === undefined) throw new Error(`the highest test accuracy was ${String(highest)}, expected ${String(options.accuracy)}`)
console.log(JSON.stringify({ seconds }))
