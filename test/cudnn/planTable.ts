/** docs/cudnn-plans.md: which of cuDNN's engines computes what. */
import type { KernelDescription } from '../../lib/native/binding.js'
import { architectures, type Architecture, type Made } from './deviceless.js'
import type { Configuration, Rounding } from './workload.js'

/** What one architecture makes of one configuration's kernels. */
export interface Plans {
  readonly configuration: Configuration
  readonly architecture: Architecture
  readonly kernels: readonly { readonly kernel: KernelDescription; readonly made: Made }[]
}

/** The configuration whose kernels are listed one by one. */
export const listed = { size: 224, batch: 64 } as const

/** Whether cuDNN does it, alone or among other kernels. */
const isCudnn = (made: Made): boolean => 'error' in made || /\beng\d/.test(made.implementation)

/** "conv2d relu [64,1,224,224] [96,1,11,11] -> [64,96,54,54]": what tells it from others, without types. */
function describe({ op, attributes, inputs, outputs }: KernelDescription): string {
  const shapes = (specs: KernelDescription['inputs']): string =>
    specs.filter(({ shape, dtype }) => shape.length > 1 && dtype !== 'opaque').map(({ shape }) => `[${shape.join()}]`).join(' ')
  const index = [...inputs, ...outputs].some(({ dtype }) => dtype === 'opaque') ? ' index' : ''
  return `${op}${attributes['relu'] === true ? ' relu' : ''}${index} ${shapes(inputs)} -> ${shapes(outputs)}`
}

/** "eng4 rtc + columnSums, 1.2 MiB". The engine's knobs are left out. */
function describeMade(made: Made): string {
  if ('error' in made) return `none: ${made.error}`
  const mebibytes = made.workspaceBytes / 2 ** 20
  const workspace = mebibytes >= 0.05 ? `, ${mebibytes.toFixed(1)} MiB` : ''
  return made.implementation.replaceAll(/(_k\d+=\d+)+/g, '') + workspace
}

/** The rows of a table of kernels: a kernel's description and what each architecture makes of it. */
export function rowsOf(plans: readonly Plans[]): Map<string, Map<Architecture, string>> {
  const rows = new Map<string, Map<Architecture, string>>()
  for (const { architecture, kernels } of plans) {
    for (const { kernel, made } of kernels.filter((one) => isCudnn(one.made))) {
      const row = rows.get(describe(kernel)) ?? new Map<Architecture, string>()
      rows.set(describe(kernel), row.set(architecture, describeMade(made)))
    }
  }
  return rows
}

/** The kernels that could not be made, for people. */
export function failures({ configuration, architecture, kernels }: Plans): string[] {
  const { rounding, size, batch } = configuration
  return kernels.flatMap(({ kernel, made }) =>
    'error' in made ? [`${architecture}, ${rounding}, ${size}x${size}, batch ${batch}: ${describe(kernel)}: ${made.error}`] : [],
  )
}

const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`
const table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]): string =>
  [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')

function summarise({ kernels }: Plans): string {
  const made = kernels.flatMap((one) => ('error' in one.made ? [] : [one.made]))
  const having = (word: string) => made.filter(({ implementation }) => implementation.includes(word)).length
  const most = Math.max(...made.map(({ workspaceBytes }) => workspaceBytes)) / 2 ** 20
  const missing = kernels.length - made.length
  const none = missing > 0 ? `${missing} missing, ` : ''
  return `${none}${having('eng')}, ${having('rtc')} rtc, ${having('cast')} cast, ${most.toFixed(0)} MiB`
}

/** The whole document. */
export function document(all: readonly Plans[]): string {
  const configurations = [...new Map(all.map(({ configuration }) => [JSON.stringify(configuration), configuration])).values()]
  const of = (configuration: Configuration): Plans[] =>
    all.filter((plans) => JSON.stringify(plans.configuration) === JSON.stringify(configuration))
  const summary = configurations.map((configuration) => [
    configuration.rounding,
    `${configuration.size}x${configuration.size}`,
    configuration.batch,
    ...of(configuration).map(summarise),
  ])
  const sections = configurations
    .filter(({ size, batch }) => size === listed.size && batch === listed.batch)
    .map((configuration) => {
      const rows = [...rowsOf(of(configuration))].map(([kernel, cells]) => [
        `\`${kernel}\``,
        ...architectures.map((architecture) => cells.get(architecture) ?? ''),
      ])
      return `${heading(configuration.rounding)}\n\n${table(['kernel', ...architectures], rows)}`
    })
  return [
    introduction,
    table(['', 'images', 'batch', ...architectures], summary),
    ...sections,
  ].join('\n\n') + '\n'
}

const heading = (rounding: Rounding): string => `## ${rounding}`

/** What the document says of one rounding on one architecture: by kernel, its cell. */
export function readDocument(text: string, rounding: Rounding, architecture: Architecture): Map<string, string> {
  const section = text.split(/^(?=## )/m).find((part) => part.startsWith(`${heading(rounding)}\n`)) ?? ''
  const column = 1 + architectures.indexOf(architecture)
  const rows = section.split('\n').filter((row) => row.startsWith('| `'))
  return new Map(
    rows.map((row) => {
      const cells = row.slice(2, -2).split(' | ')
      return [cells[0]!.replaceAll('`', ''), cells[column]!]
    }),
  )
}

const introduction = `# cuDNN's plans

Which engine of cuDNN computes each kernel of Network in Network, all variants, and of a network of two dense layers, in their
training and evaluation steps. cuDNN built each plan for a GPU that was only described (test/cudnn/devices): this shows that
there is an engine that gives the same bits each time, and how much workspace it wants; nothing ran. Made by

    MLPCONV_CUDNN_PLANS=write npm test -- test/cudnn

and compared by the same test without the variable, in part.

- \`eng4 rtc\` is engine 4, whose kernel cuDNN compiled at run time; others come compiled with cuDNN. Behind the comma is the
  workspace, where it is .05 MiB or more.
- \`relu\` of a gradient is a ReLU's backward in the same kernel; \`reluBackward\`, where cuDNN has no fast engine for both, is a
  kernel of our own behind it.
- \`cast\`: cuDNN has no engine in bfloat16, so that it is computed in float32 (TF32). \`columnSums\` is the bias's gradient, a
  kernel of our own.
- float32 means no TF32 and no tensor cores in convolutions and dense layers, which are 1x1 convolutions then; poolings have
  engines of one kind only.

The first table has for each configuration how many kernels cuDNN computes, how many of them are compiled at run time, how many
need casts, and the largest workspace.`
