/** The peers: a Python environment and an npm package, made on request in the cache folder. */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheFolder, writeWhole } from '../../scripts/cache.mjs'

/** Python's packages. */
const python: Readonly<Record<string, string>> = {
  torch: '2.15.0',
  numpy: '2.4.6',
  pillow: '13.0.0',
  onnx: '1.23.2',
  onnxscript: '0.7.2',
}
const onnxruntime = { name: 'onnxruntime-node', version: '1.30.0' } as const

const installing = '--install-peers'

function pythonFolder(): string {
  return join(cacheFolder(), `peers-torch-${python.torch!.split('.').slice(0, 2).join('.')}`)
}

function onnxruntimeFolder(): string {
  return join(cacheFolder(), `peers-onnxruntime-${onnxruntime.version}`)
}

/** What there is to compare with. */
export interface Peers {
  /** An interpreter of Python and the versions of those of our packages that it has. */
  readonly python?: { readonly interpreter: string; readonly packages: Readonly<Record<string, string>> }
  /** The folder in whose node_modules onnxruntime-node is. */
  readonly onnxruntime?: string
}

/**
 * What is installed.
 *
 * @param interpreter of Python, instead of the environment's own
 */
export function findPeers(interpreter?: string): Peers {
  const own = join(pythonFolder(), 'bin', 'python')
  const python = interpreter ?? (existsSync(own) ? own : undefined)
  const folder = onnxruntimeFolder()
  return {
    ...(python === undefined ? {} : { python: { interpreter: python, packages: versionsOf(python) } }),
    ...(existsSync(folder) ? { onnxruntime: folder } : {}),
  }
}

/** Which of these Python packages are not there, as a sentence; undefined if all are. */
export function missingPackages({ python }: Peers, names: readonly string[]): string | undefined {
  if (!python) return `no PyTorch; ${installing} installs it (3 GB)`
  const missing = names.filter((name) => !(name in python.packages))
  return missing.length === 0 ? undefined : `${python.interpreter} lacks ${missing.join(', ')}; ${installing} installs them`
}

/** Why there is no onnxruntime-node; undefined if it is there. */
export function missingOnnxruntime({ onnxruntime: folder }: Peers): string | undefined {
  return folder === undefined ? `no ${onnxruntime.name}; ${installing} installs it` : undefined
}

/** The versions of all that is there, by name. */
export function peerVersions({ python, onnxruntime: folder }: Peers): Record<string, string> {
  return { ...python?.packages, ...(folder === undefined ? {} : { [onnxruntime.name]: onnxruntime.version }) }
}

/** The versions of those of our packages that an interpreter has. */
function versionsOf(interpreter: string): Record<string, string> {
  const script = `
import importlib.metadata as metadata, json, sys
versions = {}
for name in sys.argv[1:]:
    try:
        versions[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps(versions))`
  return JSON.parse(execFileSync(interpreter, ['-c', script, ...Object.keys(python)], { encoding: 'utf8' })) as Record<string, string>
}

/** Installs what is missing, about 3 GB with pip and 300 MB with npm; an older environment gets what it lacks. */
export async function installPeers(): Promise<void> {
  const pip = (interpreter: string): void => {
    const packages = Object.entries(python).map(([name, version]) => `${name}==${version}`)
    execFileSync(interpreter, ['-m', 'pip', 'install', '--quiet', ...packages], { stdio: 'inherit' })
  }
  const interpreter = join(pythonFolder(), 'bin', 'python')
  if (!existsSync(interpreter)) {
    await writeWhole(pythonFolder(), (temporary) => {
      // A copied interpreter is the one thing in it that may be moved.
      execFileSync('python3', ['-m', 'venv', '--copies', temporary], { stdio: 'inherit' })
      pip(join(temporary, 'bin', 'python'))
      return Promise.resolve()
    })
  } else if (Object.entries(python).some(([name, version]) => versionsOf(interpreter)[name]?.split('+')[0] !== version)) {
    pip(interpreter)
  }
  if (!existsSync(onnxruntimeFolder())) {
    await writeWhole(onnxruntimeFolder(), async (temporary) => {
      await mkdir(temporary)
      // The binary for the CPU is in the package; its script would fetch those for GPUs.
      const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--silent']
      execFileSync('npm', ['install', '--prefix', temporary, ...flags, `${onnxruntime.name}@${onnxruntime.version}`], { stdio: 'inherit' })
    })
  }
}
