// node only: looks for a program

import { findProgram, type Service } from './service.ts'

/** A proxy that asks an endpoint by a Lua action; its test starts it. */
export const service: Service = {
  name: 'haproxy',
  apt: 'haproxy',
  tests: ['kept-connections.test.ts', 'forward-auth.test.ts'],
  find: () => findProgram('haproxy', '/usr/sbin/haproxy'),
}
