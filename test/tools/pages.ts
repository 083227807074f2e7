// node only: writes files

/**
 * `npm run pages`: writes the derived parts of pages. They are the requirements and tests of each row of
 * `spec/attacks.md`, from the titles of the tests, the index of decisions, from their headings, and the list of entry
 * points, from their files.
 *
 * @module
 */

import { writeFileSync } from 'node:fs'
import { attackPage, readAttackMarks, readAttackPage, writeAttackPage } from '../setup/attacks.ts'
import { decisionIndex, writeDecisionIndex } from '../setup/decision-index.ts'
import { root } from '../setup/entries.ts'
import { entryPage, writeEntryPage } from '../setup/entry-page.ts'

writeFileSync(root + attackPage, writeAttackPage(readAttackPage(), readAttackMarks()))
writeFileSync(root + decisionIndex, writeDecisionIndex())
writeFileSync(root + entryPage, writeEntryPage())
