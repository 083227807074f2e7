// node only: starts processes

/**
 * Processes that verify calls with the same stores, and the calls.
 *
 * @module
 */

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { maxSum, maxUses } from '../../../src/core/capability/policy/build.ts'
import { encodeContainer, encodeContainerBytes } from '../../../src/core/container/container.ts'
import { attenuate } from '../../../src/core/delegation/attenuate.ts'
import { delegate } from '../../../src/core/delegation/delegate.ts'
import type { Delegation } from '../../../src/core/delegation/delegation.ts'
import { invoke } from '../../../src/core/invocation/invoke.ts'
import type { Signer } from '../../../src/core/principal/signer.ts'
import type { Command } from '../../kill/namespace.ts'
import { root } from '../../setup/entries.ts'
import { actor } from '../../support/actors.ts'
import { bundleProgram } from '../../support/bundle-program.ts'
import type { StoresPlace } from './place.ts'
import type { VerifierAnswer, VerifierRequest } from './verifier.ts'

/** The program of the processes, bundled so that each starts quickly; it is beside the packages that it loads. */
export async function bundleVerifier(): Promise<{ readonly program: string; remove(): void }> {
  const cache = `${root}node_modules/.cache`
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'procura-verifier-'))
  const program = join(folder, 'verifier.mjs')
  await bundleProgram(`${root}test/stores/processes/verifier.ts`, program, ['pg', 'ioredis', 'iovalkey', 'redis'])
  return { program, remove: () => rmSync(folder, { recursive: true }) }
}

const [owner, agent, service] = await Promise.all([actor('owner'), actor('agent'), actor('service')])
const command = '/mail/send'
const mayCall = await delegate({ issuer: owner, audience: agent.did, command, expiresIn: 3600 })

/** The delegation that all calls use: its CID, and its expiry. */
const delegation: { readonly id: string; readonly expiration: number } = {
  id: mayCall.cid.toString(),
  expiration: Math.floor(Date.now() / 1000) + 3600,
}

/** Makes calls, each with its delegation. */
export function makeCalls(count: number): Promise<readonly Uint8Array[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const call = await invoke({
        issuer: agent,
        audience: service.did,
        subject: owner.did,
        command,
        args: {},
        proofs: [mayCall],
        expiresIn: 300,
      })
      return encodeContainerBytes([call, mayCall])
    }),
  )
}

/** Calls of 3 sub-agents that share a budget, with their amounts in cents. */
export interface BudgetCalls {
  readonly calls: readonly Uint8Array[]
  readonly cents: readonly number[]
  /** The delegation with the budget, in a container. */
  readonly budget: string
}

/** Makes calls of 3 sub-agents, each with a share that is larger than a third of the budget. */
export async function makeBudgetCalls(count: number, uses: number, sum: string): Promise<BudgetCalls> {
  const subs = await Promise.all(['first sub', 'second sub', 'third sub'].map((name) => actor(name)))
  const expiresIn = 3600
  const root = await delegate({
    issuer: owner,
    audience: agent.did,
    command: '/pay',
    policy: [maxUses(uses), maxSum('.amount', sum)],
    expiresIn,
  })
  const shares = await Promise.all(
    subs.map((sub) => attenuate(root, { issuer: agent, audience: sub.did, policy: [maxUses(Math.ceil(uses * 0.6))] })),
  )
  const cents = Array.from({ length: count }, (_, at) => 1 + ((at * 7919) % 997))
  const calls = cents.map(async (amount, at) => {
    const proofs = [root, shares[at % shares.length] as Delegation]
    const invocation = await invoke({
      issuer: subs[at % subs.length] as Signer,
      audience: service.did,
      subject: owner.did,
      command: '/pay',
      args: { amount: (amount / 100).toFixed(2) },
      proofs,
      expiresIn: 300,
    })
    return encodeContainerBytes([invocation, ...proofs])
  })
  return { calls: await Promise.all(calls), cents, budget: encodeContainer([root]) }
}

/** A process that verifies. */
export interface Verifier {
  /** Returns, for each call, `allowed` or the code of the denial. Rejects when the process is killed. */
  verify(calls: readonly Uint8Array[], options?: VerifyOptions): Promise<readonly string[]>
  /** Revokes the delegation of all calls. */
  revoke(): Promise<void>
  /** Returns what remains of the limits in a container. */
  remaining(container: string): Promise<readonly (number | string)[]>
  /** Reserves the only use of a limit, and returns whether that was possible. */
  reserve(key: string, deadline: number): Promise<boolean>
  /** Ends it at once. */
  kill(): Promise<void>
}

/** How calls are verified. */
export interface VerifyOptions {
  /** Calls under way at a time. Default 64. */
  readonly atATime?: number
  /** Whether a call is sent again until the stores have answered. Default false. */
  readonly again?: boolean
  /** Called with the answer to the call at a place, while others are under way. */
  onAnswer?(at: number, answer: string): void
}

/**
 * Starts a process.
 *
 * @param node - the program that runs it, by default the program of this process.
 * @param inside - returns the command that runs a command somewhere, by default here.
 */
export async function startVerifier(
  program: string,
  place: StoresPlace,
  node: string = process.execPath,
  inside: (command: Command) => Command = (command) => command,
): Promise<Verifier> {
  const options = JSON.stringify({ place, audience: service.did, subject: owner.did })
  const [execPath, ...execArgv] = inside([node, '--no-warnings'])
  const child = fork(program, [options], { execPath, serialization: 'advanced', execArgv })
  await answerOf(child, 'ready')
  return {
    async verify(calls, { atATime = 64, again = false, onAnswer } = {}) {
      const report = (message: VerifierAnswer): void => {
        if (message.kind === 'answer') onAnswer?.(message.at, message.answer)
      }
      child.on('message', report)
      try {
        return (await ask(child, { kind: 'verify', calls, atATime, again }, 'verified')).answers
      } finally {
        child.off('message', report)
      }
    },
    async revoke() {
      await ask(child, { kind: 'revoke', ...delegation }, 'revoked')
    },
    async remaining(container) {
      return (await ask(child, { kind: 'remaining', container }, 'remains')).remaining
    },
    async reserve(key, deadline) {
      return (await ask(child, { kind: 'reserve', key, deadline }, 'reserved')).reserved
    },
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
  }
}

function ask<Kind extends VerifierAnswer['kind']>(child: ChildProcess, request: VerifierRequest, kind: Kind) {
  const answer = answerOf(child, kind)
  child.send(request, () => undefined)
  return answer
}

function answerOf<Kind extends VerifierAnswer['kind']>(
  child: ChildProcess,
  kind: Kind,
): Promise<VerifierAnswer & { readonly kind: Kind }> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      child.off('message', read)
      child.off('exit', fail)
    }
    const read = (message: VerifierAnswer): void => {
      if (message.kind !== kind) return
      end()
      resolve(message as VerifierAnswer & { readonly kind: Kind })
    }
    const fail = (): void => {
      end()
      reject(new Error('the process ended'))
    }
    child.on('message', read)
    child.on('exit', fail)
  })
}
