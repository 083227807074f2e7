#!/usr/bin/env node
// node only: the program
import { text } from 'node:stream/consumers'
import { run } from './run.ts'

void run(process.argv.slice(2), {
  env: process.env,
  print: (line) => void process.stdout.write(`${line}\n`),
  complain: (line) => void process.stderr.write(`${line}\n`),
  readInput: () => text(process.stdin),
}).then((code) => {
  process.exitCode = code
})
