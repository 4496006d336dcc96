/** Running other programs, with their output kept and their failure readable. */
import { spawn } from 'node:child_process'
import { basename } from 'node:path'

/** A step of the set-up that cannot go on. The message says what to do; `output` is what the failed program printed. */
export class SetupError extends Error {
  /**
   * @param {string} message
   * @param {string} [output]
   */
  constructor(message, output = '') {
    super(message)
    this.name = 'SetupError'
    this.output = output
  }
}

/**
 * The last lines of a text.
 * @param {string} text
 * @param {number} [lines]
 */
export function tail(text, lines = 15) {
  return text.trimEnd().split('\n').slice(-lines).join('\n')
}

/**
 * Runs a program without a shell. Resolves to its standard output; rejects with a SetupError that has all of its output
 * if it cannot be started, fails, or takes longer than `timeout` milliseconds.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, timeout?: number, onOutput?: (text: string) => void }} [options]
 * @returns {Promise<string>}
 */
export function run(command, args, { cwd, env, timeout, onOutput } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, timeout, stdio: ['ignore', 'pipe', 'pipe'] })
    let stdout = ''
    let output = ''
    for (const [stream, isStdout] of /** @type {const} */ ([
      [child.stdout, true],
      [child.stderr, false],
    ])) {
      stream.setEncoding('utf8')
      stream.on('data', (/** @type {string} */ text) => {
        if (isStdout) stdout += text
        output += text
        onOutput?.(text)
      })
    }
    const line = [basename(command), ...args.map((arg) => basename(arg))].join(' ')
    child.on('error', (error) => reject(new SetupError(`${command} cannot be started: ${error.message}`, output)))
    child.on('close', (code, signal) => {
      if (code === 0) resolve(stdout)
      else reject(new SetupError(`${line} ${signal ? `was ended by ${signal}` : `exited with ${code}`}`, output))
    })
  })
}
