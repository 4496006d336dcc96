/** `mlpconv setup` */
import { Command } from 'commander'
import { printError, setup } from '../../scripts/setup.mjs'

/** The command. It needs no addon: it makes it. */
export function setupCommand(): Command {
  return new Command('setup')
    .description('Find or fetch oneDNN and build the addon; what is up to date is skipped')
    .addHelpText('after', helpText)
    .option('--cuda', 'also what NVIDIA GPUs need, if none is found here: CUDA and cuDNN (1 GB) and their addon')
    .action(async ({ cuda = false }: { cuda?: boolean }) => {
      try {
        await setup()
        if (cuda) await setup({ only: ['build:cuda'] })
      } catch (error) {
        printError(error)
        process.exitCode = 1
      }
    })
}

const helpText = `
It needs a C++20 compiler, make and Python 3, and says how to get what is missing. ONEDNN_ROOT names a oneDNN >= 3.2
to use instead. Where there is an NVIDIA GPU its addon is built as well.

Examples:
  mlpconv setup
  mlpconv setup --cuda
  ONEDNN_ROOT=/opt/onednn mlpconv setup`
