import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { tensor, vjp, type Tensor, type Tracer } from '../../lib/index.js'
import { integerData, roundToBfloat16, roundToFloat32, spreadData } from '../reference/data.js'
import { map, type RefTensor } from '../reference/tensor.js'
import { expectClose } from '../reference/tolerance.js'
import type { Problem, Role } from './case.js'
import { cases } from './cases.js'
import { drawInputs } from './inputs.js'
import { floatingTypes, type Floating } from '../bfloat16.js'

const rounding = { float32: roundToFloat32, bfloat16: roundToBfloat16 }

describe.each(cases)('$name agrees with the reference, forward and backward,', ({ problems }) => {
  test.each(floatingTypes)('in %s', async (floating) => {
    const numRuns = floating === 'float32' ? 30 : 15
    await fc.assert(
      fc.asyncProperty(problems, fc.nat(), (problem, seed) => compare(problem, floating, 'real', seed)),
      { numRuns },
    )
  })

  const exactProblems = problems.filter(({ exact = true }) => exact)
  const [anyExact] = fc.sample(problems, 100).filter(({ exact = true }) => exact)
  if (!anyExact) return
  test.each(floatingTypes)('exactly on integers in %s', async (floating) => {
    await fc.assert(
      fc.asyncProperty(exactProblems, fc.nat(), (problem, seed) => compare(problem, floating, 'integer', seed)),
      { numRuns: 15 },
    )
  })
})

/** Runs a problem eagerly and through `vjp`; activations are of type `floating`. */
async function compare(problem: Problem, floating: Floating, kind: 'real' | 'integer', seed: number): Promise<void> {
  const inputs = drawInputs(problem, kind, seed).map((x) => map(x, rounding[floating]))
  if (kind === 'real') fc.pre(problem.kinks?.(inputs).data.every((value) => Math.abs(value) > 1e-5) ?? true)
  const expected = problem.forward(inputs)
  const tensors = await Promise.all(inputs.map((x, i) => upload(x, problem.inputs[i]!.role, floating)))
  const eager = await problem.call(tensors)
  await expectTensor(eager, expected, kind)

  const dtype = eager.dtype as Floating
  const dy = map((kind === 'real' ? spreadData : integerData)(expected.shape, seed, 1000), rounding[dtype])
  const cotangent = await upload(dy, 'activation', dtype)
  const traced = (...tracers: Tracer[]): Tracer => problem.call(tracers)
  const { outputs, gradients } = await vjp(traced, tensors, [cotangent])
  expect(outputs).toHaveLength(1)
  await expectTensor(outputs[0]!, expected, kind)
  const expectedGradients = problem.backward(inputs, dy)
  for (const [i, input] of tensors.entries()) {
    const [gradient, reference] = [gradients[i], expectedGradients[i]]
    expect(gradient === undefined).toBe(reference === undefined)
    if (!gradient || !reference) continue
    expect(gradient.dtype).toBe(input.dtype)
    await expectTensor(gradient, reference, kind)
  }
  for (const each of [...tensors, eager, cotangent, ...outputs, ...gradients]) each?.dispose()
}

function upload({ shape, data }: RefTensor, role: Role, floating: Floating): Promise<Tensor> {
  if (role === 'labels') return tensor(Int32Array.from(data), shape)
  const values = Float32Array.from(data)
  return role === 'parameter' || floating === 'float32'
    ? tensor(values, shape)
    : tensor(values, shape, { dtype: floating })
}

async function expectTensor(actual: Tensor, expected: RefTensor, kind: 'real' | 'integer'): Promise<void> {
  const dtype = actual.dtype as Floating
  expect(actual.shape).toEqual(expected.shape)
  const values = (await actual.data()) as Float32Array
  if (kind === 'integer') expectClose(values, map(expected, rounding[dtype]), 'exact')
  else expectClose(values, expected, dtype)
}
