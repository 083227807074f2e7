import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, release, totalmem } from 'node:os'
import { root } from '../../test/setup/entries.ts'
import type { Table } from './suite.ts'

/** The machine and the versions of a measurement. */
export interface Machine {
  readonly date: string
  readonly processor: string
  readonly cores: number
  /** Whether it has instructions for SHA-256, without which a hash takes several times as long. */
  readonly hashes: boolean | undefined
  readonly memoryGiB: number
  readonly system: string
  readonly node: string
  readonly openssl: string
  readonly procura: string
}

/** Looks at this machine. */
export function describeMachine(): Machine {
  const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { version: string }
  return {
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    hashes: hasHashInstructions(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${release()} ${process.arch}`,
    node: process.versions.node,
    openssl: process.versions.openssl ?? 'none',
    procura: version,
  }
}

/** The same as a table, with the versions of the peers. */
export function machineTable(machine: Machine, peers: ReadonlyMap<string, string>): Table {
  return {
    title: 'Machine and versions',
    columns: ['what', 'value'],
    rows: [
      ['date (UTC)', machine.date],
      ['processor', `${machine.processor}, ${machine.cores} cores`],
      ['instructions for SHA-256', machine.hashes === undefined ? 'unknown' : machine.hashes ? 'yes' : 'no'],
      ['memory', `${machine.memoryGiB} GiB`],
      ['system', machine.system],
      ['Node.js', `${machine.node}, OpenSSL ${machine.openssl}`],
      ['procura', machine.procura],
      ...[...peers].map(([name, version]) => [name, version] as const),
    ],
  }
}

function hasHashInstructions(): boolean | undefined {
  try {
    return /^(?:flags|Features)\b.*\b(?:sha_ni|sha2)\b/m.test(readFileSync('/proc/cpuinfo', 'utf8'))
  } catch {
    return undefined
  }
}
