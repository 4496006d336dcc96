/** What the command line says to those who ask it, and to those who use it wrongly. */
import { describe, expect, test } from '@jest/globals'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { useTemporaryFolder } from '../temporaryFolder.js'
import { mlpconv, writeDataset } from './commandLine.js'

const folder = useTemporaryFolder()

const commands = ['train', 'eval', 'predict', 'summary', 'doctor', 'setup']

test('--version is that of the package', async () => {
  const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string }
  expect(await mlpconv(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
})

test('--help names every command', async () => {
  const { code, stdout } = await mlpconv(['--help'])
  expect(code).toBe(0)
  for (const command of commands) expect(stdout).toMatch(new RegExp(`^  ${command} `, 'm'))
})

test.each(commands)('%s --help has examples', async (command) => {
  const { code, stdout, stderr } = await mlpconv([command, '--help'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(new RegExp(`Usage: mlpconv ${command} `))
  expect(stdout).toMatch(new RegExp(`Examples:\\n(.*\\n)*.*mlpconv ${command}`))
})

describe('one line on standard error, and exit code 2, for', () => {
  test.each<[string, string[], RegExp]>([
    ['an unknown command', ['trian'], /unknown command 'trian'.*train/],
    ['an unknown option', ['train', '--epoch', '3'], /unknown option '--epoch'.*--epochs.*mlpconv train --help/],
    ['an argument too many', ['doctor', 'now'], /too many arguments.*mlpconv doctor --help/],
    ['an argument that is missing', ['eval'], /missing required argument 'checkpoint'/],
    ['an option without its value', ['train', '--lr'], /'--lr <x>' argument missing/],
    ['a count that is no number', ['train', '--epochs', 'ten'], /--epochs.*'ten'.*an integer >= 1/],
    ['a count that is not whole', ['train', '--batch-size', '1.5'], /--batch-size.*'1.5'.*an integer >= 1/],
    ['a count of nothing', ['train', '--limit', '0'], /--limit.*'0'.*an integer >= 1/],
    ['an empty count', ['train', '--threads', ''], /--threads.*''.*an integer >= 1/],
    ['a learning rate that is NaN', ['train', '--lr', 'NaN'], /--lr.*'NaN'.*a number >= 0/],
    ['a negative learning rate', ['train', '--lr', '-1'], /--lr.*'-1'.*a number >= 0/],
    ['a preset that is none', ['train', '--preset', 'slow'], /--preset.*'slow'.*fast, d2l, mlpconv/],
    ['a type that is none', ['train', '--dtype', 'int8'], /--dtype.*'int8'.*float32, tfloat32, bfloat16/],
    ['a device that is none', ['train', '--device', 'gpu'], /--device.*'gpu'.*auto, cpu, cuda/],
    ['a list that is none', ['predict', 'a', 'b', '--index', '3-1'], /--index.*'3-1'.*0-9/],
    ['options that do not go together', ['train', '--nesterov', '--momentum', '0'], /nesterov needs momentum > 0/],
  ])('%s', async (_, args, message) => {
    const { code, stdout, stderr } = await mlpconv(args, { cwd: folder() })
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(/^error: .*\n$/)
    expect(stderr).toMatch(message)
  })
})

describe('one line on standard error, and exit code 1, for', () => {
  const failing = async (args: readonly string[], message: RegExp): Promise<void> => {
    const { code, stdout, stderr } = await mlpconv(args, { cwd: folder() })
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^error: .*\n$/)
    expect(stderr).toMatch(message)
  }

  test('a device that is not there', () => failing(['train', '--device', 'cuda:99'], /device cuda:99 was asked for.*'cpu' or 'auto'/))

  test('a mode of other devices', async () => {
    await writeDataset(folder('data'), { train: 4, t10k: 4 })
    await failing(
      ['train', '--dtype', 'tfloat32', '--dataset', 'data', '--device', 'cpu'],
      /tfloat32 is a mode of NVIDIA GPUs; use float32/,
    )
  })

  test.each([['summary', 'summary'], ['bench', 'benchmark']])('a mode of other devices: %s', (command, where) =>
    failing(
      [command, '--dtype', 'tfloat32', '--device', 'cpu'],
      new RegExp(`^error: ${where}: tfloat32 is a mode of NVIDIA GPUs; use float32 or bfloat16 on the CPU\\n$`),
    ))

  test('no data set', () =>
    failing(['train', '--dataset', 'nowhere'], /nowhere.*expected fashion-mnist, or a folder.*no such folder/))

  test('a data set with a file missing', () =>
    failing(['train', '--dataset', '.'], /expected.*train-images-idx3-ubyte.*train-images-idx3-ubyte is not there/))

  test('labels that do not fit the images', async () => {
    const path = await writeDataset(folder('data'), { train: 4, t10k: 4 })
    const other = await writeDataset(folder('other'), { train: 5, t10k: 4 })
    await writeFile(`${path}/train-labels-idx1-ubyte`, await readFile(`${other}/train-labels-idx1-ubyte`))
    await failing(
      ['train', '--dataset', 'data'],
      /train-labels-idx1-ubyte: expected 4 labels.*received uint8 of shape \[5\]/,
    )
  })

  test('a folder that cannot be written to', async () => {
    await writeFile(folder('file'), '')
    await failing(['train', '--out', 'file/results'], /file\/results: expected a folder that files can be written to/)
  })

  test('a folder that cannot be made', () =>
    failing(['train', '--out', '/proc/results'], /\/proc\/results: expected a folder/))

  test('a run to resume that is not there', () =>
    failing(['train', '--resume'], /mlpconv-out\/checkpoint.safetensors: expected a safetensors file.*no such file/))

  test('a checkpoint that is not there', () =>
    failing(['eval', 'nothing.safetensors'], /nothing.safetensors: expected.*no such file/))

  test('a checkpoint that is none', async () => {
    await writeFile(folder('text'), 'this is no checkpoint')
    await failing(['predict', 'text', 'text'], /text: expected a safetensors file/)
  })

  test('a file that is a folder', async () => {
    await mkdir(folder('checkpoint'))
    await failing(['eval', 'checkpoint'], /checkpoint: expected a safetensors file.*it is a folder/)
  })

  test('images that are too small for the network', async () => {
    await writeDataset(folder('data'), { train: 4, t10k: 4 })
    await failing(['train', '--dataset', 'data', '--resize', '20'], /layer 3, MaxPool2d.*larger than the padded input/)
  })
})

test('MLPCONV_DEBUG shows where an error comes from', async () => {
  const { code, stderr } = await mlpconv(['eval', 'nothing'], { cwd: folder(), env: { MLPCONV_DEBUG: '1' } })
  expect(code).toBe(1)
  expect(stderr).toMatch(/^CheckpointError: nothing: .*\n +at .*eval\.js/s)
})
