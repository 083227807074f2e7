// node only: finds a program

import { findProgram, type Service } from './service.ts'

/** A pooler, which the test starts itself. */
export const service: Service = {
  name: 'pgbouncer',
  apt: 'pgbouncer',
  tests: ['pgbouncer.test.ts'],
  find: () => findProgram('pgbouncer', '/usr/sbin/pgbouncer'),
}
