// node only: looks for a program

import { findProgram, type Service } from './service.ts'

/** The checks of systemd for its units. They need no systemd that runs. */
export const service: Service = {
  name: 'systemd',
  apt: 'systemd',
  tests: ['systemd.test.ts'],
  find: () => findProgram('systemd-analyze'),
}
