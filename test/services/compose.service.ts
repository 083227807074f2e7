// node only: looks for a program

import { findProgram, type Service } from './service.ts'

/** Validates a Compose file. It needs no container engine for this. */
export const service: Service = {
  name: 'docker-compose',
  apt: 'docker-compose',
  tests: ['kubernetes.test.ts'],
  find: () => findProgram('docker-compose'),
}
