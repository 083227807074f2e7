// node only: makes a network namespace

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import type { Command } from '../kill/namespace.ts'

/** A network of its own, in which packets to and from this machine can be dropped. */
export interface PacketNetwork {
  /** The address of this machine in it. */
  readonly address: string
  /** A command that runs another one in it. */
  inside(command: Command): Command
  /** Drops all packets of a direction, seen from inside, or of both. */
  drop(direction: 'out' | 'in' | 'both'): void
  /** Lets all packets through again. */
  heal(): void
  close(): Promise<void>
}

/** Makes a network with two ends: this machine, and a namespace. */
export async function packetNetwork(): Promise<PacketNetwork> {
  const holder: ChildProcess = spawn('unshare', ['--net', 'sleep', 'infinity'], { stdio: 'ignore' })
  await once(holder, 'spawn')
  const pid = String(holder.pid)
  const inside = (command: Command): Command => ['nsenter', '--target', pid, '--net', ...command]
  const run = ([program, ...args]: Command): void => void execFileSync(program, args, { stdio: 'pipe' })
  const [outer, inner] = ['o', 'i'].map((end) => `pr${end}${pid}`) as [string, string]
  const network = `10.${randomInt(100, 250)}.${randomInt(250)}`
  await hasOwnNetwork(pid)
  run(['ip', 'link', 'add', outer, 'type', 'veth', 'peer', 'name', inner, 'netns', pid])
  run(['ip', 'address', 'add', `${network}.1/30`, 'dev', outer])
  run(['ip', 'link', 'set', outer, 'up'])
  run(inside(['ip', 'address', 'add', `${network}.2/30`, 'dev', inner]))
  run(inside(['ip', 'link', 'set', inner, 'up']))
  return {
    address: `${network}.1`,
    inside,
    drop(direction) {
      if (direction !== 'in') run(inside(['iptables', '-A', 'OUTPUT', '-j', 'DROP']))
      if (direction !== 'out') run(inside(['iptables', '-A', 'INPUT', '-j', 'DROP']))
    },
    heal: () => run(inside(['iptables', '--flush'])),
    async close() {
      const ended = once(holder, 'exit')
      holder.kill('SIGKILL')
      await ended
      try {
        run(['ip', 'link', 'delete', outer])
      } catch {
        // It ended with the namespace.
      }
    },
  }
}

/** Waits until a process has left the network of this one. */
async function hasOwnNetwork(pid: string): Promise<void> {
  const networkOf = (one: string): string => execFileSync('readlink', [`/proc/${one}/ns/net`]).toString()
  for (let attempt = 0; attempt < 500; attempt++) {
    if (networkOf(pid) !== networkOf('self')) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error('`unshare` made no network')
}
