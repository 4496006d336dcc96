/** `mlpconv setup` */
import { Command } from 'commander'
import { printError, setup } from '../../scripts/setup.mjs'

/** The command. It needs no addon: it makes it. */
export function setupCommand(): Command {
  return new Command('setup')
    .description('Find or fetch oneDNN and build the addon; what is up to date is skipped')
    .addHelpText('after', helpText)
    .action(async () => {
      try {
        await setup()
      } catch (error) {
        printError(error)
        process.exitCode = 1
      }
    })
}

const helpText = `
It needs a C++20 compiler, make and Python 3, and says how to get what is missing. ONEDNN_ROOT names a oneDNN >= 3.2
to use instead.

Examples:
  mlpconv setup
  ONEDNN_ROOT=/opt/onednn mlpconv setup`
