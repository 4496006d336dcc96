/** From a graph to a native plan: fuse, ask the backend for kernels, pack weights, plan memory, bind. */
import { OutOfMemoryError } from '../errors.js'
import type { KernelDescription, Location, NativeAddon, NativeDevice, NativeKernel, NativePlan } from '../native/binding.js'
import { packOp } from '../ops/list.js'
import { fuse, written } from './fuse.js'
import { byteLength, type Graph, type Node, type Value, type ValueId } from './graph.js'
import { align, planMemory, stages, type MemoryPlan } from './memory.js'
import { resolveAlias, simplify } from './simplify.js'

/** A plan whose slots are the arena, then the graph's inputs, then its outputs, then its packed weights if they are kept. */
export interface CompiledGraph {
  readonly plan: NativePlan
  /** Undefined if there are no weights to pack, or if each step packs them. */
  readonly packed: PackedWeights | undefined
  /** Which of the bindings, the graph's inputs and then its outputs, a step writes. */
  readonly written: readonly number[]
  /** The graph as it was compiled: simplified, fused, weights packed. */
  readonly graph: Graph
  readonly memory: MemoryPlan
  /** Bytes of a value, opaque ones included. */
  byteLengthOf(id: ValueId): number
  /** Bytes of scratch memory of a node's kernel. */
  workspaceBytesOf(node: Node): number
  /** How the library does a node, for people; may be empty. */
  implementationOf(node: Node): string
}

/** Weights in the layouts of their kernels, in a slot of their own. */
export interface PackedWeights {
  readonly bytes: number
  /** Which of the graph's inputs are packed. */
  readonly sources: readonly number[]
  /** The same plan without the packing, for when the slot has them already. */
  readonly plan: NativePlan
}

/** How to compile. */
export interface CompileOptions {
  /** How often the body runs in a step. Default 1. */
  readonly repeat?: number
  /** Whether packed weights are kept for the steps that follow. Default false. */
  readonly keepsPacked?: boolean
}

/**
 * Compiles a graph for a device. Rejects with the typed error of the kernel that cannot be made, or with OutOfMemoryError
 * where a value alone is larger than the free memory.
 */
export async function compile(
  source: Graph,
  backend: NativeAddon['backend'],
  device: NativeDevice,
  { repeat = 1, keepsPacked = false }: CompileOptions = {},
): Promise<CompiledGraph> {
  const fused = orderByStage(fuse(simplify(source), backend))
  const { graph, kernels } = await createKernels(fused, device, repeat > 1 || keepsPacked).catch((error: unknown) => {
    throw tooLarge(fused, device) ?? error
  })
  const byteLengthOf = (id: ValueId): number => byteLength(graph.values[id]!)
  const workspaceBytesOf = (node: Node): number => kernels.get(node)!.workspaceBytes
  const bound = [...graph.inputs, ...graph.outputs]
  const packs = keepsPacked ? graph.nodes.filter(({ op, stage }) => op === packOp.name && stage === 'prologue') : []
  const packed = placeInTurn(packs.flatMap(({ outputs }) => outputs), byteLengthOf)
  const memory = planMemory(graph, byteLengthOf, workspaceBytesOf, packed.offsets.keys())
  const locate = (id: ValueId): Location => {
    const { base, byteOffset } = resolveAlias(graph.values, id)
    const slot = bound.indexOf(base) + 1
    if (slot > 0) return { slot, byteOffset }
    const inPacked = packed.offsets.get(base)
    if (inPacked !== undefined) return { slot: bound.length + 1, byteOffset: inPacked + byteOffset }
    return { slot: 0, byteOffset: memory.offsets.get(base)! + byteOffset }
  }
  const createPlan = (nodes: readonly Node[]): NativePlan =>
    device.createPlan({
      slots: [Math.max(memory.arenaBytes, 1), ...bound.map(byteLengthOf), ...(packs.length > 0 ? [packed.bytes] : [])],
      scratch: [0],
      stages: stages.map((stage) => ({
        repeat: stage === 'body' ? repeat : 1,
        kernels: nodes
          .filter((node) => node.stage === stage)
          .map((node) => {
            const workspace = memory.workspaces.get(node)
            return {
              kernel: kernels.get(node)!,
              inputs: node.inputs.map(locate),
              outputs: node.outputs.map(locate),
              ...(workspace === undefined ? {} : { workspace: { slot: 0, byteOffset: workspace } }),
            }
          }),
      })),
    })
  const boundOf = (id: ValueId): number => bound.indexOf(resolveAlias(graph.values, id).base)
  const unique = (indices: readonly number[]): number[] => [...new Set(indices)].filter((i) => i >= 0)
  const implementationOf = (node: Node): string => kernels.get(node)!.implementation
  return {
    plan: createPlan(graph.nodes),
    packed:
      packs.length === 0
        ? undefined
        : {
            bytes: packed.bytes,
            sources: unique(packs.flatMap(({ inputs }) => inputs.map(boundOf))),
            plan: createPlan(graph.nodes.filter((node) => !packs.includes(node))),
          },
    written: unique([...graph.outputs.map(boundOf), ...graph.nodes.flatMap((node) => written(node).map(boundOf))]),
    graph,
    memory,
    byteLengthOf,
    workspaceBytesOf,
    implementationOf,
  }
}

/** Places values one behind the other. */
function placeInTurn(
  ids: readonly ValueId[],
  byteLengthOf: (id: ValueId) => number,
): { readonly offsets: ReadonlyMap<ValueId, number>; readonly bytes: number } {
  const offsets = new Map<ValueId, number>()
  let bytes = 0
  for (const id of ids) {
    offsets.set(id, bytes)
    bytes += align(byteLengthOf(id))
  }
  return { offsets, bytes }
}

/** Why no kernel can be made, if a value does not fit into memory: libraries only say that they have none for such sizes. */
function tooLarge({ values }: Graph, device: NativeDevice): OutOfMemoryError | undefined {
  const [bytes, free] = [Math.max(...values.map(byteLength)), device.freeBytes()]
  if (bytes <= free) return undefined
  return new OutOfMemoryError(`needed ${String(bytes)} bytes for one tensor, free are ${String(free)}; use a smaller shape`, bytes, free)
}

function orderByStage(graph: Graph): Graph {
  return { ...graph, nodes: stages.flatMap((stage) => graph.nodes.filter((node) => node.stage === stage)) }
}

/**
 * Makes all kernels. What only a kernel knows comes into the graph here: the size of opaque values, and a node in front of
 * each input that the kernel wants packed.
 */
async function createKernels(
  graph: Graph,
  device: NativeDevice,
  packsAhead: boolean,
): Promise<{ graph: Graph; kernels: ReadonlyMap<Node, NativeKernel> }> {
  const values = [...graph.values]
  const kernels = new Map<Node, NativeKernel>()
  const create = async (nodes: readonly Node[]): Promise<void> => {
    const made = await device.createKernels(nodes.map((node) => describe(node, values)))
    nodes.forEach((node, i) => {
      const kernel = made[i]!
      kernels.set(node, kernel)
      node.outputs.forEach((id, output) => {
        if (values[id]!.dtype === 'opaque') values[id] = { ...values[id]!, shape: [kernel.outputBytes[output]!] }
      })
    })
  }
  const readsOpaque = (node: Node): boolean => node.inputs.some((id) => values[id]!.dtype === 'opaque')
  await create(graph.nodes.filter((node) => !readsOpaque(node)))
  await create(graph.nodes.filter(readsOpaque))

  const packed = packInputs({ ...graph, values }, kernels, packsAhead)
  return { graph: orderByStage(packed), kernels }
}

/**
 * Puts a `pack` node in front of each input that a kernel wants in its own layout. Adds to `kernels`.
 *
 * @param ahead whether what comes from outside is packed before the body: it does not change between micro-batches, so that
 *   once per step is enough. With one alone, packing where it is needed takes less memory.
 */
function packInputs(graph: Graph, kernels: Map<Node, NativeKernel>, ahead: boolean): Graph {
  const values = [...graph.values]
  const nodes = graph.nodes.flatMap((node) => {
    const kernel = kernels.get(node)!
    const inputs = [...node.inputs]
    const packs = kernel.packs.map((pack): Node => {
      const source = node.inputs[pack.input]!
      const output = values.push({ shape: [pack.bytes], dtype: 'opaque' }) - 1
      inputs[pack.input] = output
      const constant = graph.inputs.includes(resolveAlias(values, source).base)
      const packNode: Node = {
        op: packOp.name,
        attributes: {},
        inputs: [source],
        outputs: [output],
        stage: ahead && constant ? 'prologue' : node.stage,
        scope: node.scope,
      }
      kernels.set(packNode, pack.kernel)
      return packNode
    })
    if (packs.length === 0) return [node]
    const consumer: Node = { ...node, inputs }
    kernels.set(consumer, kernel)
    return [...packs, consumer]
  })
  return { ...graph, values, nodes }
}

function describe(node: Node, values: readonly Value[]): KernelDescription {
  const specs = (ids: readonly ValueId[]) => ids.map((id) => ({ shape: values[id]!.shape, dtype: values[id]!.dtype }))
  return { op: node.op, attributes: node.attributes, inputs: specs(node.inputs), outputs: specs(node.outputs) }
}
