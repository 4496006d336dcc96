import { expect, test } from '@jest/globals'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { z } from 'zod'
import { findLibrary } from '../../lib/cli/machine.js'
import { addonPath } from '../../lib/native/load.js'
import { useTemporaryFolder } from '../temporaryFolder.js'
import { mlpconv } from './commandLine.js'

const folder = useTemporaryFolder()

const reportSchema = z.strictObject({
  works: z.boolean(),
  findings: z.array(
    z.strictObject({
      name: z.string(),
      status: z.enum(['ok', 'missing', 'failed']),
      found: z.string(),
      advice: z.string().optional(),
    }),
  ),
})

type Report = z.infer<typeof reportSchema>

function finding({ findings }: Report, name: string): Report['findings'][number] {
  return findings.find((one) => one.name === name)!
}

test('doctor --json says what is there, and exits with 0 where training works', async () => {
  const { code, stdout, stderr } = await mlpconv(['doctor', '--json'], { env: { MLPCONV_CACHE: folder('cache') } })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const report = reportSchema.parse(JSON.parse(stdout))
  expect(report.works).toBe(true)
  const names = ['versions', 'processor', 'addon', 'oneDNN', 'training', 'data set', 'cache', 'NVIDIA driver', 'GPU addon']
  expect(report.findings.map(({ name }) => name).slice(0, names.length)).toEqual(names)
  const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string }
  expect(finding(report, 'versions').found).toBe(
    `mlpconv ${version}, Node ${process.version}, ${process.platform} ${process.arch}`,
  )
  expect(finding(report, 'addon')).toMatchObject({
    status: 'ok',
    found: expect.stringMatching(/mlpconv_onednn\.node$/) as unknown as string,
  })
  expect(finding(report, 'oneDNN').found).toMatch(/^\d+\.\d+\.\d+, .*, \d+ threads/)
  expect(finding(report, 'training').status).toBe('ok')
  expect(finding(report, 'cache').found).toBe(folder('cache'))
})

test('doctor says it to people', async () => {
  const { code, stdout } = await mlpconv(['doctor'])
  expect(code).toBe(0)
  expect(stdout).toMatch(/^✓ {2}addon +\S+mlpconv_onednn\.node$/m)
  expect(stdout).toMatch(/\nTraining works\.\n$/)
})

// It is the GPU addon that looks for NVIDIA's libraries: `npm run build:cuda` builds it, for which a gigabyte is fetched.
const testWithCuda = existsSync(addonPath('cudnn')) ? test : test.skip

testWithCuda('NCCL is found in the folders of the other libraries, and one GPU does without it', async () => {
  const nccl = async (version: number, status: number, cuda: string) => {
    const library = folder(cuda, 'nvidia', 'nccl', 'lib')
    await mkdir(library, { recursive: true })
    const code = `extern "C" int ncclGetVersion(int* version) { *version = ${version}; return ${status}; }`
    await writeFile(folder(cuda, 'nccl.cc'), code)
    const flags = ['-shared', '-fPIC', '-o', `${library}/libnccl.so.2`]
    execFileSync(process.env['CXX'] ?? 'g++', [...flags, folder(cuda, 'nccl.cc')])
  }
  const look = async (cuda: string) => {
    const env = { MLPCONV_CUDA_PATH: folder(cuda), MLPCONV_CACHE: folder('cache'), CUDA_HOME: '', CUDA_PATH: '' }
    const { code, stdout } = await mlpconv(['doctor', '--json'], { env })
    expect(code).toBe(0)
    return finding(reportSchema.parse(JSON.parse(stdout)), 'NCCL')
  }
  await nccl(23203, 0, 'new')
  await nccl(2708, 0, 'old')
  await nccl(0, 1, 'broken')
  const path = (cuda: string) => folder(cuda, 'nvidia', 'nccl', 'lib', 'libnccl.so.2')
  expect(await look('new')).toEqual({ name: 'NCCL', status: 'ok', found: `2.32.3, ${path('new')}` })
  expect(await look('old')).toEqual({ name: 'NCCL', status: 'ok', found: `2.7.8, ${path('old')}` })
  const found = 'not found, and not needed by one GPU'
  expect(await look('broken')).toEqual({
    name: 'NCCL',
    status: 'missing',
    found,
    advice: `${path('broken')} does not say its version`,
  })
  // The system's own is found as well.
  if ((await findLibrary('libnccl.so')) !== undefined) return
  const { advice, ...none } = await look('empty')
  expect(none).toEqual({ name: 'NCCL', status: 'missing', found })
  expect(advice).toMatch(/^expected libnccl\.so\.2, tried\n/)
  expect(advice).toContain(`\n  ${folder('empty', 'libnccl.so.2')}: no such file\n`)
  expect(advice).toContain(`\n  ${path('empty')}: no such file\n`)
  expect(advice).toMatch(/\n {2}libnccl\.so\.2: .*; one GPU needs none.*'pip install --target <folder> nvidia-nccl-cu13'/)
})

test('a data set that the environment names, and is not there, is a failure', async () => {
  const { code, stdout } = await mlpconv(['doctor', '--json'], { env: { MLPCONV_DATA: folder('nowhere') } })
  expect(code).toBe(1)
  const report = reportSchema.parse(JSON.parse(stdout))
  expect(finding(report, 'data set')).toMatchObject({
    status: 'failed',
    advice: expect.stringContaining(folder('nowhere')) as unknown as string,
  })
  expect(finding(report, 'training').status).toBe('ok')
})

test('without the addon doctor says what to do and exits with 1; the other commands fail with the same words', async () => {
  await mkdir(folder('package'))
  await cp('dist', folder('package', 'dist'), { recursive: true })
  for (const name of ['scripts', 'node_modules', 'package.json']) {
    await symlink(`${process.cwd()}/${name}`, folder('package', name))
  }
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [folder('package', 'dist', 'cli', 'main.js'), ...args], {
      cwd: folder(),
      encoding: 'utf8',
    })

  const doctor = run('doctor')
  expect(doctor.status).toBe(1)
  expect(doctor.stderr).toBe('')
  expect(doctor.stdout).toMatch(/^✗ {2}addon +does not load$/m)
  expect(doctor.stdout).toMatch(/mlpconv_onednn\.node \(there is no such file\)/)
  expect(doctor.stdout).toMatch(/do: +npm run setup/)
  expect(doctor.stdout).toMatch(/\nTraining does not work\.\n$/)

  const train = run('train')
  expect(train.status).toBe(1)
  expect(train.stderr).toMatch(/^error: Could not load the onednn addon/)
  expect(train.stderr).toMatch(/do: +npm run setup\n$/)

  expect(run('setup', '--help').status).toBe(0)
})
