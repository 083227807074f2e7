// node only: reads the repository

import { readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { root } from './entries.ts'
import { listFiles } from './source.ts'

/** The index of decisions, as a path from the root of the repository. */
export const decisionIndex = 'spec/decisions/README.md'

/** Makes the index, from the headings of the decisions. */
export function writeDecisionIndex(): string {
  const entries = listFiles('spec/decisions', '.md')
    .filter((path) => path !== decisionIndex)
    .map((path) => {
      const [, number, title] = /^# (\d+): (.+)$/m.exec(readFileSync(root + path, 'utf8')) ?? []
      return `- ${number}: [${title}](${posix.basename(path)})`
    })
  return `# Decisions

Each record has the context, the decision and the consequences. Missing numbers have no meaning.
[What we measured](../measured.md) has the measurements.

${entries.join('\n')}
`
}
