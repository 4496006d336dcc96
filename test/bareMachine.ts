import { beforeEach } from '@jest/globals'
import { spawnSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { useTemporaryFolder } from './temporaryFolder.js'

/** What a program printed, and its exit status. */
export interface Result {
  readonly stdout: string
  readonly stderr: string
  readonly status: number | null
}

/** A machine on which nothing is installed but what a test puts there. */
export interface BareMachine {
  /** Joins names to the path of a folder that is empty but for `bin`. */
  path(...names: string[]): string
  /** Puts a shell script on the path of programs. */
  program(name: string, text?: string): void
  /** Runs a script with this Node, with the cache in the folder `cache`. */
  run(script: string, args: readonly string[], env?: NodeJS.ProcessEnv): Result
}

/** Gives each test of a file a bare machine. */
export function useBareMachine(): BareMachine {
  const path = useTemporaryFolder()
  beforeEach(() => {
    mkdirSync(path('bin'))
    symlinkSync('/bin/sh', path('bin', 'sh'))
  })
  return {
    path,
    program: (name, text = '') => {
      writeFileSync(path('bin', name), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
    },
    run: (script, args, env = {}) => {
      const { stdout, stderr, status } = spawnSync(process.execPath, [script, ...args], {
        encoding: 'utf8',
        env: { PATH: path('bin'), MLPCONV_CACHE: path('cache'), ...env },
      })
      return { stdout, stderr, status }
    },
  }
}
