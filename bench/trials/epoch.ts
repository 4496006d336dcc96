/** One trial of ours: an epoch with the recipe of "Dive into Deep Learning". Prints one line of JSON. */
import { data, NiN, openDevice, optim, recipes, Trainer } from 'mlpconv'
import { epochOptions } from '../epoch.js'

const { size, batchSize, lr, train: trainCount, test: testCount, threads } = epochOptions.parse(JSON.parse(process.argv[2] ?? '{}'))

const { train, test } = await data.fashionMnist({ resize: size })
const start = performance.now()
const net = new NiN()
net.initialize(recipes.d2l.initialize)
const device = openDevice('cpu', { threads })
const trainer = new Trainer(net, { optimizer: optim.SGD({ lr }), batchSize, epochs: 1, device })
const epochs = trainer.fit(data.limit(train, trainCount), { validation: data.limit(test, testCount) })
for await (const { testAccuracy } of epochs) {
  if (testAccuracy === undefined) throw new Error('expected a test accuracy')
}
console.log(JSON.stringify({ imagesPerSecond: (trainCount * 1000) / (performance.now() - start) }))
