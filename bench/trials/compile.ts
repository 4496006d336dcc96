/** One trial of ours: from the trainer's start to the end of its first step. Prints one line of JSON. */
import { data, NiN, openDevice, recipes, Trainer } from 'mlpconv'
import { compileOptions } from '../compile.js'
import { pixels } from './pixels.js'

const { size, batchSize: count, threads } = compileOptions.parse(JSON.parse(process.argv[2] ?? '{}'))

const dataset = data.fromArrays({
  images: pixels(count * 28 * 28),
  shape: [count, 28, 28],
  labels: Int32Array.from({ length: count }, (_, i) => i % 10),
  classes: 10,
})
const { initialize, optimizer } = recipes.fast
const net = new NiN().initialize(initialize).materialize()
const device = openDevice('cpu', { threads })
const start = performance.now()
const trainer = new Trainer(net, { optimizer, batchSize: count, epochs: 1, device })
let steps = 0
for await (const { epoch } of trainer.fit(data.withResize(dataset, size))) steps = epoch
if (steps !== 1) throw new Error('expected an epoch of one step')
console.log(JSON.stringify({ seconds: (performance.now() - start) / 1000 }))
