/** The lines of the table: what is measured, and what it is to reach. */

export type DeviceKind = 'cpu' | 'cuda'

/** A number and what it is to reach. */
export interface Line {
  readonly name: string
  readonly unit: string
  /** Which values are better. */
  readonly better: 'higher' | 'lower'
  /** A bound, itself good enough, on ours or on the ratio ours / peer. */
  readonly target?: { readonly of: 'ours' | 'ratio'; readonly value: number }
}

/** One SGD step. Its memory and its timer are to be as good in each form. */
function stepLines(work: string, ratio: number): Line[] {
  return [
    { name: `${work}, step`, unit: 'img/s', better: 'higher', target: { of: 'ratio', value: ratio } },
    { name: `${work}, peak memory above idle`, unit: 'MB', better: 'lower', target: { of: 'ratio', value: 0.25 } },
    { name: `${work}, 1 ms timer p99 delay`, unit: 'ms', better: 'lower', target: { of: 'ours', value: 10 } },
  ]
}

const cpuLines: readonly Line[] = [
  ...stepLines('float32 224', 2.5),
  ...stepLines('bfloat16 224', 1.6),
  ...stepLines('float32 96', 1.8),
  ...stepLines('bfloat16 96', 1.5),
  { name: 'epoch at 224 of 2,048 images', unit: 'img/s', better: 'higher', target: { of: 'ratio', value: 3 } },
  { name: 'inference at 224, batch 1', unit: 'img/s', better: 'higher', target: { of: 'ratio', value: 1.8 } },
  { name: 'inference at 224, batch 64', unit: 'img/s', better: 'higher', target: { of: 'ratio', value: 1.8 } },
  { name: 'overhead of one N-API call', unit: 'us', better: 'lower', target: { of: 'ours', value: 20 } },
  { name: 'overhead of one jitted call', unit: 'us', better: 'lower' },
  { name: 'overhead of a step beyond its kernels at 224', unit: '%', better: 'lower', target: { of: 'ours', value: 1 } },
  { name: 'overhead of a step beyond its kernels at 96', unit: '%', better: 'lower', target: { of: 'ours', value: 1 } },
  { name: 'time to test accuracy .867 at 96', unit: 's', better: 'lower', target: { of: 'ratio', value: 0.5 } },
  { name: 'compile and first step at 224', unit: 's', better: 'lower', target: { of: 'ours', value: 0.5 } },
  { name: 'compile and first step at 96', unit: 's', better: 'lower', target: { of: 'ours', value: 0.5 } },
]

/** GPUs have no targets yet. */
const cudaLines: readonly Line[] = [224, 96].flatMap((size) =>
  ['float32', 'tfloat32', 'bfloat16'].flatMap((dtype) =>
    stepLines(`${dtype} ${String(size)}`, NaN).map(({ name, unit, better }): Line => ({ name, unit, better })),
  ),
)

export const lines: Readonly<Record<DeviceKind, readonly Line[]>> = { cpu: cpuLines, cuda: cudaLines }
