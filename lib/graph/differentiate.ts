/** Reverse-mode differentiation: graph -> graph, by each op's own derivative. */
import { OptionError } from '../errors.js'
import { add } from '../ops/add.js'
import { opDefinition } from '../ops/list.js'
import type { ValueId } from './graph.js'
import type { GraphBuilder, Tracer } from './trace.js'

/**
 * Appends the nodes that compute gradients to the graph.
 *
 * @param cotangents pairs of a value and the gradient that flows into it
 * @param wanted the values whose gradients are asked for
 * @returns a gradient per wanted value; undefined where it does not depend on that value
 */
export function differentiate(
  builder: GraphBuilder,
  cotangents: readonly (readonly [Tracer, Tracer])[],
  wanted: readonly Tracer[],
): (Tracer | undefined)[] {
  const nodes = [...builder.nodes]
  const needed = dependents(builder, new Set(wanted.map((tracer) => tracer.id)))
  const gradients = new Map<ValueId, Tracer>()
  const accumulate = (id: ValueId, gradient: Tracer): void => {
    const sum = gradients.get(id)
    gradients.set(id, sum ? add(sum, gradient) : gradient)
  }
  for (const [value, cotangent] of cotangents) accumulate(value.id, cotangent)

  const scope = builder.scope
  for (const node of nodes.reverse()) {
    const outputGradients = node.outputs.map((id) => gradients.get(id))
    const inputsWanted = node.inputs.map((id) => needed.has(id))
    if (!inputsWanted.includes(true) || outputGradients.every((gradient) => gradient === undefined)) continue
    const op = opDefinition(node.op)
    if (!op.differentiate) throw new OptionError(`${node.op} has no derivative; do not ask for a gradient through it`)
    builder.scope = node.scope
    const inputGradients = op.differentiate(
      {
        attributes: node.attributes,
        inputs: node.inputs.map((id) => builder.tracer(id)),
        outputs: node.outputs.map((id) => builder.tracer(id)),
        wanted: inputsWanted,
      },
      outputGradients,
    )
    node.inputs.forEach((id, i) => {
      const gradient = inputGradients[i]
      if (gradient && inputsWanted[i]) accumulate(id, gradient)
    })
  }
  builder.scope = scope
  return wanted.map((tracer) => gradients.get(tracer.id))
}

/** The values that depend on any of `roots`, roots included. */
function dependents(builder: GraphBuilder, roots: ReadonlySet<ValueId>): ReadonlySet<ValueId> {
  const reached = new Set(roots)
  for (const node of builder.nodes) {
    if (node.inputs.some((id) => reached.has(id))) node.outputs.forEach((id) => reached.add(id))
  }
  return reached
}
