// node only: looks for a program

import { findProgram, type Service } from './service.ts'

/** A proxy that decodes what it passes on; its test starts it before a server of its own. */
export const service: Service = {
  name: 'nginx',
  apt: 'nginx-light',
  tests: ['kept-connections.test.ts', 'nginx.test.ts', 'forward-auth.test.ts', 'http2.test.ts', 'processes.test.ts'],
  find: () => findProgram('nginx', '/usr/sbin/nginx'),
}
