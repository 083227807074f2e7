// node only: looks for a program

import { findProgram, type Service } from './service.ts'

/**
 * How long the browser may take for a step, in milliseconds: a busy machine takes longer than the default of
 * playwright.
 */
export const browserMs = 100_000

/** The browser; its test drives it through playwright-core. */
export const service: Service = {
  name: 'chromium',
  apt: 'chromium',
  tests: ['chromium.test.ts', 'approval-page.test.ts', 'gateway-page.test.ts', 'indexed-db.test.ts'],
  find: () => findProgram('chromium', '/usr/bin/chromium'),
}
