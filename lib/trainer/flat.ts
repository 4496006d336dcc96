/** All parameters of a module in one buffer, so that one kernel updates them all. */
import type { Binding, Device } from '../device.js'
import { byteLength } from '../graph/graph.js'
import type { Module } from '../nn/module.js'
import type { Parameter } from '../nn/parameter.js'
import { Tensor } from '../tensor.js'

/** Each parameter begins at a cache line. The gaps are zero and stay so: their gradient is zero. */
const alignment = 64

/** A parameter's place in the flat buffer. */
export interface FlatEntry {
  readonly key: string
  readonly parameter: Parameter
  readonly byteOffset: number
}

/** Where each parameter is in the flat buffer; gradients and momentum have the same layout. */
export interface FlatLayout {
  readonly entries: readonly FlatEntry[]
  /** The length of the flat vector in float32 elements, gaps included. */
  readonly length: number
}

/** Lays out a module's parameters in their order. One that the module uses twice is there once, under its first key. */
export function flatLayout(net: Module): FlatLayout {
  let byteOffset = 0
  const named = net.namedParameters()
  const unique = named.filter(([, parameter], i) => named.findIndex(([, other]) => other === parameter) === i)
  const entries = unique.map(([key, parameter]) => {
    const entry = { key, parameter, byteOffset }
    byteOffset += Math.ceil(byteLength(parameter) / alignment) * alignment
    return entry
  })
  return { entries, length: byteOffset / Float32Array.BYTES_PER_ELEMENT }
}

/** The tensor of one entry within a flat buffer. */
export function flatView(device: Device, { parameter, byteOffset }: FlatEntry, flat: Binding): Tensor<'float32'> {
  return Tensor.view(device, parameter.shape, 'float32', {
    buffer: flat.buffer,
    byteOffset: flat.byteOffset + byteOffset,
  })
}

/** Moves the parameters' present values into one buffer on a device; from then on they live there. */
export async function flatten(device: Device, layout: FlatLayout): Promise<Tensor<'float32'>> {
  const flat = Tensor.zeros(device, [layout.length], 'float32')
  for (const entry of layout.entries) {
    const view = flatView(device, entry, flat.binding)
    await view.assign(await entry.parameter.read())
    entry.parameter.adopt(view)
  }
  return flat
}
