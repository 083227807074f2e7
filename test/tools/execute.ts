// node only: runs programs

import { spawn } from 'node:child_process'
import { root } from '../setup/entries.ts'

/** How a program ended, and its output. */
export interface Execution {
  readonly succeeded: boolean
  readonly stdout: string
  /** Standard output and standard error as they came. */
  readonly output: string
}

/** Runs a program to its end. Rejects when it cannot be started. */
export function execute(program: string, parameters: readonly string[], folder: string = root): Promise<Execution> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, parameters, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
    let stdout = ''
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk
      output += chunk
    })
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk
    })
    child.once('error', reject)
    child.once('close', (code) => resolve({ succeeded: code === 0, stdout, output }))
  })
}

/**
 * Packs what would be published into a folder. Returns the path of the archive; rejects when that fails.
 *
 * @param source - the folder of the package.
 */
export async function pack(folder: string, source: string = root): Promise<string> {
  const packed = await execute('npm', ['pack', source, '--ignore-scripts', '--silent', '--pack-destination', folder])
  if (!packed.succeeded) throw new Error(packed.output)
  return `${folder}/${packed.stdout.trim().split('\n').at(-1)}`
}
