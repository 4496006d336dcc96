/** One trial of ours: from the trainer's start to the end of its first step. Prints one line of JSON. */
import { NiN, openDevice, recipes, Trainer } from 'mlpconv'
import { compileOptions } from '../compile.js'
import { digits } from './digits.js'

const { size, batchSize: count, threads } = compileOptions.parse(JSON.parse(process.argv[2] ?? '{}'))

const dataset = digits(count, size)
const { initialize, optimizer } = recipes.fast
const net = new NiN().initialize(initialize).materialize()
const device = openDevice('cpu', { threads })
const start = performance.now()
const trainer = new Trainer(net, { optimizer, batchSize: count, epochs: 1, device })
let steps = 0
for await (const { epoch } of trainer.fit(dataset)) steps = epoch
if (steps !== 1) throw new Error('expected an epoch of one step')
console.log(JSON.stringify({ seconds: (performance.now() - start) / 1000 }))
