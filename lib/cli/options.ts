/** What the commands' options have in common: their parsers and the options of every command that computes. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { openDevice, type Device, type DeviceName } from '../device.js'
import { ninVariants } from '../models/nin.js'
import { precisions } from '../trainer/options.js'

/** A parser of integers of at least `least`. */
export function integer(least: number): (text: string) => number {
  return (text) => {
    const value = toNumber(text)
    if (Number.isSafeInteger(value) && value >= least) return value
    throw new InvalidArgumentError(`Expected an integer >= ${least}.`)
  }
}

/** A parser of finite numbers of at least `least`. */
export function number(least: number): (text: string) => number {
  return (text) => {
    const value = toNumber(text)
    if (Number.isFinite(value) && value >= least) return value
    throw new InvalidArgumentError(`Expected a number >= ${least}.`)
  }
}

function toNumber(text: string): number {
  return text.trim() === '' ? NaN : Number(text)
}

function deviceName(text: string): DeviceName {
  if (/^(auto|cpu|cuda(:\d+)?)$/.test(text)) return text as DeviceName
  throw new InvalidArgumentError('Expected auto, cpu, cuda or cuda:N.')
}

/** Where a command computes. */
export interface DeviceOptions {
  readonly device: DeviceName
  readonly threads?: number
  readonly autotune?: boolean
}

/** Adds the options that say where a command computes. */
export function addDeviceOptions(command: Command): Command {
  return command
    .addOption(new Option('--device <name>', 'auto, cpu, cuda or cuda:N').argParser(deviceName).default('auto'))
    .option('--threads <n>', 'threads of the CPU (default: one per physical core)', integer(1))
    .option('--autotune', 'choose a GPU’s kernels by measuring; the choices are kept')
}

/** Opens the device that the options name. Throws DeviceError. */
export function openChosenDevice({ device, threads, autotune = false }: DeviceOptions): Device {
  return openDevice(device, { autotune, ...(threads === undefined ? {} : { threads }) })
}

/** `--dtype` */
export function dtypeOption(): Option {
  return new Option('--dtype <type>', 'type of the activations').choices(precisions)
}

/** `--variant` */
export function variantOption(): Option {
  return new Option('--variant <name>', 'which of the published networks').choices(ninVariants)
}
