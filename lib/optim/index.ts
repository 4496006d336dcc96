/** The optimizer and its learning-rate schedules. */
export * as schedule from './schedule.js'
export { learningRates, type Schedule } from './schedule.js'
export { SGD, type SGDOptions } from './sgd.js'
