// node only: starts a program

import { spawnSync } from 'node:child_process'
import { findProgram, type Service } from './service.ts'

/** A network in which packets can be dropped. The tests make it themselves; they have to run as root. */
export const service: Service = {
  name: 'iptables in a network namespace',
  apt: 'iptables iproute2',
  tests: [
    'recovery-ioredis.test.ts',
    'recovery-iovalkey.test.ts',
    'recovery-redis.test.ts',
    'recovery-postgres.test.ts',
  ],
  find() {
    const [iptables, ip] = ['iptables', 'ip'].map((name) => findProgram(name, `/usr/sbin/${name}`))
    if (iptables === undefined || ip === undefined) return undefined
    return spawnSync('unshare', ['--net', iptables, '-A', 'INPUT', '-j', 'DROP']).status === 0 ? iptables : undefined
  },
}
