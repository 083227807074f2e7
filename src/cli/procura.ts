#!/usr/bin/env node
// node only: the program
import { text } from 'node:stream/consumers'
import { run } from './run.ts'

// Whoever reads what is printed may have seen enough, as `head` has; then there is nobody to tell.
process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
  if (code !== 'EPIPE') process.stderr.write(`procura: cannot write to standard output (${code})\n`)
  process.exit(2)
})

void run(process.argv.slice(2), {
  env: process.env,
  print: (line) => void process.stdout.write(`${line}\n`),
  complain: (line) => void process.stderr.write(`${line}\n`),
  readInput: () => text(process.stdin),
}).then((code) => {
  process.exitCode = code
})
