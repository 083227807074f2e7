/**
 * The vectors as cases: a question, and the right answer.
 *
 * @module
 */

import { readFileSync } from 'node:fs'

/** The files of vectors. */
export const files = ['valid', 'hostile', 'policy', 'ucanto']

/**
 * The cases of a file.
 *
 * @param {string} file - one of {@link files}.
 * @returns {{ name: string, fault: string, question: object, expected: { allowed: boolean, code?: string } }[]} `code` is
 *   the code of the refusal.
 */
export function readCases(file) {
  const { cases } = JSON.parse(readFileSync(new URL(`../vectors/${file}.json`, import.meta.url), 'utf8'))
  return cases.map(file === 'policy' ? policyCase : callCase)
}

function callCase({ name, fault = '(in order)', container, context, expected }) {
  return { name, fault, question: { kind: 'call', container, context }, expected }
}

/** Only the outcome `true` permits; any other outcome is a refusal and its code. */
function policyCase({ name, policy, args, expected }) {
  const allowed = expected === 'true'
  return {
    name: `policy: ${name}`,
    fault: `policy: ${expected}`,
    question: { kind: 'policy', policy, args },
    expected: allowed ? { allowed } : { allowed, code: expected },
  }
}
