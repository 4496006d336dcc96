/** One trial of ours: the public `predict` on a tensor on the device, and reading the logits. Prints one line of JSON. */
import { NiN, openDevice, tensor } from 'mlpconv'
import { inferenceOptions } from '../inference.js'
import { inferenceInput, timeInference } from './inferenceLoop.js'

const options = inferenceOptions.parse(JSON.parse(process.argv[2] ?? '{}'))

const device = openDevice('cpu', { threads: options.threads })
const net = new NiN()
await net.load(options.weights)
const x = await tensor(inferenceInput(options.shape), options.shape, { device })
const result = await timeInference(options, async () => {
  using y = await net.predict(x)
  return (await y.data()) as Float32Array
})
console.log(JSON.stringify(result))
