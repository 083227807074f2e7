// node only: looks for a program

import { findProgram, type Service } from './service.ts'

/** Runs a program at a terminal of its own. */
export const service: Service = {
  name: 'script',
  apt: 'bsdutils',
  tests: ['terminal.test.ts', 'approve-terminal.test.ts', 'hang-up.test.ts'],
  find: () => findProgram('script'),
}
