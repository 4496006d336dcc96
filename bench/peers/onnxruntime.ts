/** One trial of the peer: onnxruntime-node on an exported model. `node onnxruntime.js <folder> <JSON>` prints one line of JSON. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { inferenceOptions } from '../inference.js'
import { inferenceInput, timeInference } from '../trials/inferenceLoop.js'

/** What of the package is used. */
interface Onnxruntime {
  readonly InferenceSession: {
    create(path: string, options: object): Promise<{
      readonly inputNames: readonly string[]
      readonly outputNames: readonly string[]
      run(feeds: Readonly<Record<string, object>>): Promise<Record<string, { readonly data: Float32Array }>>
    }>
  }
  readonly Tensor: new (type: 'float32', data: Float32Array, shape: readonly number[]) => object
}

const [, , folder = '', text = '{}'] = process.argv
const options = inferenceOptions.parse(JSON.parse(text))
const onnxruntime = createRequire(join(folder, 'package.json'))('onnxruntime-node') as Onnxruntime

const session = await onnxruntime.InferenceSession.create(options.model, {
  intraOpNumThreads: options.threads,
  interOpNumThreads: 1,
  graphOptimizationLevel: 'all',
})
const x = new onnxruntime.Tensor('float32', inferenceInput(options.shape), options.shape)
const feeds = { [session.inputNames[0]!]: x }
const result = await timeInference(options, async () => (await session.run(feeds))[session.outputNames[0]!]!.data)
console.log(JSON.stringify(result))
