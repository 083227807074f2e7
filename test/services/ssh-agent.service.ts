// node only: looks for a program

import { findProgram, type Service } from './service.ts'

/** The agent of OpenSSH; its test starts several. */
export const service: Service = {
  name: 'ssh-agent',
  apt: 'openssh-client',
  tests: ['ssh-agent.test.ts'],
  find: () => findProgram('ssh-agent', '/usr/bin/ssh-agent'),
}
