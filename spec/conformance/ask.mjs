/**
 * Tests an implementation on cases: one JSON question per line on its standard input, one JSON answer per line on its
 * standard output.
 *
 * @module
 */

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** The longest answer that is read, in characters. */
const longestAnswer = 65_536

/**
 * Sends every case; resolves with a result for each, in the same order.
 *
 * @param {object} options
 * @param {string[]} options.command - program and arguments.
 * @param {ReturnType<typeof import('./cases.mjs').readCases>} options.cases
 * @param {number} options.timeout - seconds without any answer after which the rest is unanswered.
 */
export async function ask({ command: [program, ...args], cases, timeout }) {
  if (program === undefined) throw new Error('no command was given')
  const answers = await answersOf(program, args, cases, timeout)
  return cases.map((one, id) => judge(one, answers.get(id)))
}

function answersOf(program, args, cases, timeout) {
  return new Promise((resolve, reject) => {
    const answers = new Map()
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    let timer
    const finish = () => {
      clearTimeout(timer)
      child.kill()
      resolve(answers)
    }
    const wait = () => {
      clearTimeout(timer)
      timer = setTimeout(finish, timeout * 1_000)
    }
    child.once('error', (error) => {
      clearTimeout(timer)
      reject(new Error(`${program} could not be started: ${error.message}`))
    })
    child.once('close', finish)
    // An implementation that ends early closes its input; its unanswered cases are reported.
    child.stdin.on('error', () => undefined)
    createInterface({ input: child.stdout }).on('line', (line) => {
      wait()
      const answer = parse(line)
      if (answer !== undefined && !answers.has(answer.id)) answers.set(answer.id, answer)
      if (answers.size === cases.length) finish()
    })
    wait()
    for (const [id, { question }] of cases.entries()) child.stdin.write(`${JSON.stringify({ id, ...question })}\n`)
    child.stdin.end()
    if (cases.length === 0) finish()
  })
}

function parse(line) {
  if (line.length > longestAnswer) return undefined
  try {
    const answer = JSON.parse(line)
    return Number.isSafeInteger(answer?.id) ? answer : undefined
  } catch {
    return undefined
  }
}

/** The result of a case: `right`, `wrong`, `left out` or `unanswered`, with the answer in a few words. */
function judge({ name, fault, expected }, answer) {
  const { allowed, code, skipped } = answer ?? {}
  const result = (outcome, said, otherCode = false) => ({ name, fault, expected, outcome, said, otherCode })
  if (skipped === true) return result('left out', 'left out')
  if (typeof allowed !== 'boolean') return result('unanswered', 'no answer')
  const said = allowed ? 'yes' : `no (${typeof code === 'string' ? code : 'no code'})`
  if (allowed !== expected.allowed) return result('wrong', said)
  return result('right', said, !expected.allowed && code !== expected.code)
}
