// node only: a process that guards an upstream until it is killed

import process from 'node:process'
import { openJsonlAuditSink } from '../../src/audit/sinks/jsonl/jsonl-audit-sink.ts'
import type { SyncPolicy } from '../../src/audit/sinks/jsonl/open-log.ts'
import { memoryReplayStore } from '../../src/core/authorization/replay-store.ts'
import { integer } from '../../src/core/capability/argument-types/basic.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import { invoke } from '../../src/core/invocation/invoke.ts'
import { generateSigner } from '../../src/core/principal/generate-signer.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { createGuard } from '../../src/guard/guard.ts'
import type { GuardOptions } from '../../src/guard/options.ts'
import { bearer } from '../../src/vault/processors/bearer.ts'
import { memoryVault } from '../../src/vault/stores/memory/memory-vault.ts'
import { say } from '../audit/jsonl/say.ts'

const [directory = '', sync = 'group', origin = '', secret = '', start = '1', parallel = '4'] = process.argv.slice(2)

try {
  const sink = await openJsonlAuditSink({ directory, sync: sync as SyncPolicy, maxBytes: 65_536 })
  const [owner, agent, service] = [await generateSigner(), await generateSigner(), await generateSigner()]
  const send = defineCommand({ command: '/mail/send', args: { number: integer() } })
  const guard = createGuard({
    audience: service.did,
    subjects: [owner.did],
    commands: [{ ...send, credential: 'mail', show: ['number'] }] as GuardOptions['commands'],
    revocations: memoryRevocationStore(),
    replay: memoryReplayStore(),
    vault: memoryVault({ mail: { secret, origins: [origin], processor: bearer() } }),
    // Long enough for a busy machine: other tests check time limits.
    audit: { sink, deadlineMs: 20_000, recoverIntents: true },
    maxInFlight: 10_000,
  })
  const grant = await delegate({ issuer: owner, audience: agent.did, command: send })
  let number = Number(start)
  let stopping = false
  const work = async (): Promise<void> => {
    while (!stopping) {
      const mine = number++
      const args = { number: mine }
      const call = await invoke({ issuer: agent, audience: service.did, command: send, args, proofs: [grant] })
      const result = await guard.use(encodeContainer([call, grant]), async (handled) => {
        const response = await handled.fetch(`${origin}/${mine}`)
        return response.text()
      })
      if (result.allowed && result.recorded) say(`done ${mine}`)
      else say(`refused ${mine} ${result.allowed ? 'unrecorded' : result.denial.code}`)
    }
  }
  process.on('SIGTERM', () => {
    stopping = true
    guard.close().then(
      () => say('closed'),
      (error: Error) => say(`failed ${error.message}`),
    )
  })
  say('open')
  await Promise.all(Array.from({ length: Number(parallel) }, work))
} catch (error) {
  const { code, message } = error as { code?: string; message: string }
  say(`failed ${code} ${message}`)
  process.exit(3)
}
