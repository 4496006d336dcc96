#!/usr/bin/env node
/** The command line `mlpconv`. */
import { Command, CommanderError } from 'commander'
import { MlpconvError, OptionError } from '../errors.js'
import { benchCommand } from './bench.js'
import { doctorCommand } from './doctor.js'
import { evalCommand } from './eval.js'
import { Interrupted, interruptedCode } from './interrupt.js'
import { version } from './package.js'
import { predictCommand } from './predict.js'
import { profileCommand } from './profile.js'
import { setupCommand } from './setup.js'
import { summaryCommand } from './summary.js'
import { trainCommand } from './train.js'

/** What a program exits with that was used wrongly. */
const usageCode = 2
const failureCode = 1

const program = new Command('mlpconv')
  .description('Train Network in Network from Node, on oneDNN and cuDNN')
  .version(version)
  .addHelpText('after', '\nExamples:\n  mlpconv doctor\n  mlpconv train --limit 2000\n  mlpconv train --help')

for (const command of [
  trainCommand(),
  evalCommand(),
  predictCommand(),
  summaryCommand(),
  benchCommand(),
  profileCommand(),
  doctorCommand(),
  setupCommand(),
]) {
  program.addCommand(command)
}
for (const command of [program, ...program.commands]) {
  const name = command === program ? program.name() : `${program.name()} ${command.name()}`
  command.exitOverride().configureOutput({
    // One line that also says where the options are listed.
    outputError: (text, write) => write(`${text.trim().replaceAll(/\s*\n/g, ' ')} See ${name} --help.\n`),
  })
}

// Who reads no further, such as `head`, has what he wants.
process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => process.exit(code === 'EPIPE' ? 0 : failureCode))

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = report(error)
}

/** Says on standard error what went wrong, unless that is said. Returns the exit code. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : usageCode
  if (error instanceof Interrupted) return interruptedCode
  const { message, stack } = error as Error
  const isKnown = error instanceof MlpconvError
  const bug = isKnown ? '' : ' (not expected: MLPCONV_DEBUG=1 shows where)'
  console.error(process.env.MLPCONV_DEBUG ? stack : `error: ${message}${bug}`)
  return error instanceof OptionError ? usageCode : failureCode
}
