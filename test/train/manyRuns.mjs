// Makes fifty training runs of one network and prints, as JSON, the process's resident memory in MB: the most after any run,
// and that after the tenth and the last one when garbage was collected.
//
//     node --expose-gc manyRuns.mjs
import { setImmediate } from 'node:timers/promises'
import { data, nn, optim, Trainer } from '../../dist/index.js'

// 1 MB of images; 4 MB of parameters, as much of gradients and of momentum.
const [samples, size, classes] = [16, 256, 16]
const images = new Uint8Array(samples * size * size).map((_, e) => e % 251)
const labels = Uint8Array.from({ length: samples }, (_, i) => i % classes)
const train = data.fromArrays({ images, shape: [samples, size, size], labels, classes })
const net = new nn.Sequential(new nn.Flatten(), new nn.Linear(size * size, classes))
const optimizer = optim.SGD({ lr: 0.01, momentum: 0.9 })

const megabytes = () => process.memoryUsage().rss / 2 ** 20
let most = 0
const collected = []
for (let run = 1; run <= 50; run++) {
  const trainer = new Trainer(net, { optimizer, batchSize: 8, microBatch: 4, epochs: 1 })
  for await (const { loss } of trainer.fit(train, { validation: train })) {
    if (!Number.isFinite(loss)) throw new Error(`the loss is ${loss}`)
  }
  most = Math.max(most, megabytes())
  if (run !== 10 && run !== 50) continue
  // What a collection finalizes is freed in a later turn.
  for (let i = 0; i < 5; i++) {
    globalThis.gc()
    await setImmediate()
  }
  collected.push(megabytes())
}
console.log(JSON.stringify({ most, tenth: collected[0], last: collected[1] }))
