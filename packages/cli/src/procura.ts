#!/usr/bin/env node
// node only: the program
import { fstatSync } from 'node:fs'
import process from 'node:process'
import { run } from './cli/run.ts'
import { readHiddenLine } from './cli/terminal/hidden-line.ts'
import { terminalLoss } from './cli/terminal/lost-terminal.ts'
import { fetchByProxy } from './support/proxy.ts'

// CLI-29: without a listener, Node opens its debugger at this signal, and every user can read the memory.
process.on('SIGUSR1', () => undefined)

// Every request of the program, and of the library in it, is sent by this function.
globalThis.fetch = fetchByProxy(process.env, globalThis.fetch)

const lostTerminal = terminalLoss()

// The reader of the output may have closed it early, like `head`; nothing can be reported then.
process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
  if (lostTerminal()) return
  if (code !== 'EPIPE') process.stderr.write(`procura: cannot write to standard output (${code})\n`)
  process.exit(2)
})

// A program that goes on for a while does so without the terminal.
process.stderr.on('error', () => {
  if (!lostTerminal()) process.exit(2)
})

void run(process.argv.slice(2), {
  env: process.env,
  print: (line) => void process.stdout.write(`${line}\n`),
  complain: (line) => void process.stderr.write(`${line}\n`),
  outputMode,
  isTerminal: process.stdin.isTTY === true,
  lostTerminal,
  keyring: async () => (await import('./support/keyring.ts')).systemKeyring(process.env),
  readInput,
  askHidden,
  openBrowser: async (page) => (await import('./support/open-browser.ts')).openBrowser(page, process.env),
}).then((code) => {
  process.exitCode = code
})

/** The mode of a regular file behind standard output. Windows has access lists instead of modes. */
function outputMode(): number | undefined {
  if (process.platform === 'win32') return undefined
  try {
    const status = fstatSync(1)
    return status.isFile() ? status.mode & 0o777 : undefined
  } catch {
    return undefined
  }
}

async function readInput(mostBytes: number): Promise<Uint8Array | undefined> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > mostBytes) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** If a signal ended the process at once, the terminal would remain without echo. */
async function askHidden(question: string, signal?: AbortSignal): Promise<Uint8Array | undefined> {
  const signals = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'] as const
  const broken = new AbortController()
  const breakOff = (): void => broken.abort()
  if (signal?.aborted === true) breakOff()
  signal?.addEventListener('abort', breakOff)
  for (const one of signals) process.on(one, breakOff)
  try {
    return await readHiddenLine(process.stdin, process.stderr, question, broken.signal)
  } finally {
    for (const one of signals) process.off(one, breakOff)
    signal?.removeEventListener('abort', breakOff)
  }
}
