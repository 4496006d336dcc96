/** One trial of ours: training in which each kernel is timed. Prints one line of JSON. */
import { NiN, openDevice, recipes, Trainer } from 'mlpconv'
import { stepOverheadOptions } from '../overhead.js'
import { digits } from './digits.js'

const { size, batchSize, steps, threads } = stepOverheadOptions.parse(JSON.parse(process.argv[2] ?? '{}'))

const device = openDevice('cpu', { threads })
let kernelSeconds = 0
device.run = async (compiled, count, bindings, signal) => {
  const profile = await device.profile(compiled, count, bindings, signal)
  for (const seconds of profile.kernelSeconds) kernelSeconds += seconds
  return profile.steps
}

const { initialize, optimizer } = recipes.fast
const net = new NiN().initialize(initialize)
const trainer = new Trainer(net, { optimizer, batchSize, epochs: 2, device })
let percent: number | undefined
for await (const { epoch, seconds } of trainer.fit(digits(batchSize * steps, size))) {
  // The first epoch is warm-up.
  if (epoch === 2) percent = (100 * (seconds - kernelSeconds)) / kernelSeconds
  kernelSeconds = 0
}
console.log(JSON.stringify({ percent }))
