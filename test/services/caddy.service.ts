// node only: looks for a program

import { findProgram, type Service } from './service.ts'

/** A proxy that asks an endpoint before it forwards a request; its test starts it. */
export const service: Service = {
  name: 'caddy',
  apt: 'caddy',
  tests: ['kept-connections.test.ts', 'forward-auth.test.ts', 'http2.test.ts'],
  find: () => findProgram('caddy', '/usr/bin/caddy'),
}
