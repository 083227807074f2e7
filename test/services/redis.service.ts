// node only: finds a program

import { findProgram, type Service } from './service.ts'

/** The server. Tests start it themselves, because they end it and start it again. */
export const service: Service = {
  name: 'redis',
  apt: 'redis-server',
  tests: [
    'redis-store.test.ts',
    'redis-cluster.test.ts',
    'redis-processes.test.ts',
    'call-store.test.ts',
    'revocation-push.test.ts',
    'redis-truncated-log.test.ts',
    'recovery-ioredis.test.ts',
    'recovery-iovalkey.test.ts',
    'recovery-redis.test.ts',
  ],
  find: () => findProgram('redis-server'),
}
