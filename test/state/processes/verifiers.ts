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
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { encodeContainerBytes } from '../../../src/container/container.ts'
import { delegate } from '../../../src/delegation/delegate.ts'
import { invoke } from '../../../src/invocation/invoke.ts'
import { readEntries, readPlatformImports, root } from '../../setup/entries.ts'
import { actor } from '../../support/actors.ts'
import type { StoresPlace } from './place.ts'
import type { VerifierAnswer, VerifierRequest } from './verifier.ts'

/** The program of the processes, bundled so that each starts quickly; it is beside the packages that it loads. */
export async function bundleVerifier(): Promise<{ readonly program: string; remove(): void }> {
  const cache = `${root}node_modules/.cache`
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'procura-verifier-'))
  const program = join(folder, 'verifier.mjs')
  await bundleProgram(new URL('./verifier.ts', import.meta.url), program)
  return { program, remove: () => rmSync(folder, { recursive: true }) }
}

/** Bundles a program of this folder, without the packages. */
export async function bundleProgram(entry: URL, outfile: string): Promise<void> {
  const entries = readEntries() as Readonly<Record<string, string>>
  const alias = Object.fromEntries(
    readPlatformImports().map(({ specifier, node }) => [specifier, `${root}${entries[node]}`]),
  )
  const external = ['pg', 'ioredis']
  const target = { platform: 'node', format: 'esm', target: 'node20' } as const
  await build({ entryPoints: [fileURLToPath(entry)], bundle: true, ...target, outfile, alias, external })
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

/** A process that verifies. */
export interface Verifier {
  /** Returns, for each call, `allowed` or the code of the denial. Rejects when the process is killed. */
  verify(calls: readonly Uint8Array[], options?: VerifyOptions): Promise<readonly string[]>
  /** Revokes the delegation of all calls. */
  revoke(): Promise<void>
  /** Ends it at once. */
  kill(): Promise<void>
}

/** How calls are verified. */
export interface VerifyOptions {
  /** Calls under way at a time. Default 64. */
  readonly atATime?: number
  /** Whether a call is sent again until the stores have answered. Default false. */
  readonly again?: boolean
  /** Called when some more calls are verified, while others are under way. */
  onProgress?(done: number): void
}

/** Starts a process. `node` is the program that runs it, by default that of this process. */
export async function startVerifier(
  program: string,
  place: StoresPlace,
  node: string = process.execPath,
): Promise<Verifier> {
  const options = JSON.stringify({ place, audience: service.did, subject: owner.did })
  const child = fork(program, [options], { execPath: node, serialization: 'advanced', execArgv: ['--no-warnings'] })
  await answerOf(child, 'ready')
  return {
    async verify(calls, { atATime = 64, again = false, onProgress } = {}) {
      const report = (message: VerifierAnswer): void => {
        if (message.kind === 'progress') onProgress?.(message.done)
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
