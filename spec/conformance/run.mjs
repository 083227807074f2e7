#!/usr/bin/env node
/**
 * Runs an implementation against the vectors beside this folder: `node run.mjs [options] <command …>`.
 *
 * Plain JavaScript for Node 18 or later, without dependencies: it runs from the package, and from a copy of the folder
 * `spec`.
 *
 * @module
 */

import { ask } from './ask.mjs'
import { files, readCases } from './cases.mjs'
import { reportOf } from './report.mjs'

const usage = `usage: node run.mjs [options] [--] <command ...>

  --files <names>   which files of vectors, with commas: ${files.join(',')} (default: all)
  --codes           a refusal with another code is also a failure
  --only <text>     only cases whose name contains the text
  --timeout <s>     seconds to wait for an answer (default 30)
`

/** Reads the command line; undefined if it is invalid. */
function readCommandLine(args) {
  const line = { files, codes: false, only: '', timeout: 30, command: [] }
  for (let at = 0; at < args.length; at++) {
    const value = args[at + 1]
    if (args[at] === '--') return { ...line, command: args.slice(at + 1) }
    if (!args[at].startsWith('--')) return { ...line, command: args.slice(at) }
    if (args[at] === '--codes') line.codes = true
    else if (value === undefined) return undefined
    else {
      if (args[at] === '--only') line.only = value
      else if (args[at] === '--timeout' && Number(value) > 0) line.timeout = Number(value)
      else if (args[at] === '--files' && value.split(',').every((name) => files.includes(name)))
        line.files = value.split(',')
      else return undefined
      at += 1
    }
  }
  return undefined
}

const line = readCommandLine(process.argv.slice(2))
if (line === undefined || line.command.length === 0) {
  process.stderr.write(usage)
  process.exitCode = 2
} else {
  const cases = line.files.flatMap(readCases).filter(({ name }) => name.includes(line.only))
  try {
    const { text, passed } = reportOf(await ask({ command: line.command, cases, timeout: line.timeout }), line.codes)
    process.stdout.write(`${text}\n`)
    process.exitCode = passed && cases.length > 0 ? 0 : 1
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
}
