// node only: writes a file

/**
 * `npm run attacks`: writes the requirements and tests of each row of `spec/attacks.md`, from the titles of the tests.
 *
 * @module
 */

import { writeFileSync } from 'node:fs'
import { attackPage, readAttackMarks, readAttackPage, writeAttackPage } from '../setup/attacks.ts'
import { root } from '../setup/entries.ts'

writeFileSync(root + attackPage, writeAttackPage(readAttackPage(), readAttackMarks()))
