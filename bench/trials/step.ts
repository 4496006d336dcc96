/** One trial of ours: SGD steps of NiN, data op included, through the public API. Prints one line of JSON. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { init, median, NiN, openDevice, optim, Trainer } from 'mlpconv'
import { stepOptions } from '../step.js'
import { digits } from './digits.js'

const { device: deviceName, dtype, size, batchSize, steps, repeats, threads } = stepOptions.parse(JSON.parse(process.argv[2] ?? '{}'))

const device = openDevice(deviceName, deviceName === 'cpu' ? { threads } : { autotune: true })
const freeMegabytes = device.native.freeBytes() / 2 ** 20
// A GPU's memory is not the process's; what is allocated stays so to the end.
const megabytes = (): number =>
  deviceName === 'cpu' ? process.resourceUsage().maxRSS / 1024 : freeMegabytes - device.native.freeBytes() / 2 ** 20
const idle = megabytes()

const net = new NiN()
net.initialize((name) => (name === 'weight' ? init.kaimingNormal() : init.zeros()))
const trainer = new Trainer(net, {
  optimizer: optim.SGD({ lr: 0.01, momentum: 0.9, nesterov: true, clipGradNorm: 1 }),
  batchSize,
  epochs: repeats + 2,
  dtype,
  device,
})

const delay = monitorEventLoopDelay({ resolution: 1 })
const secondsPerStep: number[] = []
for await (const epoch of trainer.fit(digits(batchSize * steps, size))) {
  // The first epoch is warm-up. The last one is the timer's: to wake up each millisecond takes time from the steps.
  if (epoch.epoch > 1 && epoch.epoch <= repeats + 1) secondsPerStep.push(epoch.seconds / steps)
  if (epoch.epoch === repeats + 1) delay.enable()
}
delay.disable()
const result = {
  imagesPerSecond: batchSize / median(secondsPerStep),
  megabytesAboveIdle: megabytes() - idle,
  // The histogram counts whole intervals of the timer, 1 ms of which is what it waits for.
  timerDelayP99: Math.max(0, delay.percentile(99) / 1e6 - 1),
}
console.log(JSON.stringify(result))
