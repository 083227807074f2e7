import { describe, expect, it } from 'vitest'
import type { AuditSink } from '../../../src/audit/sink.ts'
import { memoryAuditSink } from '../../../src/audit/sinks/memory-audit-sink.ts'
import { memoryReplayStore } from '../../../src/core/authorization/replay-store.ts'
import { memoryRevocationStore } from '../../../src/core/revocation/memory-revocation-store.ts'
import type { RevocationStore } from '../../../src/core/revocation/revocation-store.ts'
import type { GuardedCall } from '../../../src/guard/call.ts'
import { fetchHandler } from '../../../src/http/adapters/fetch.ts'
import { on } from '../../../src/service/on.ts'
import { createService } from '../../../src/service/service.ts'
import { memoryVault } from '../../../src/vault/stores/memory/memory-vault.ts'
import { clock } from '../../support/actors.ts'
import { service as self } from '../../support/service.ts'
import { alice, containerOf, send } from './routes.ts'

/** A call whose handler takes two leases. The record or the look-up of one of them fails. */
async function ask(fails: 'record' | 'look-up', at: number): Promise<readonly [mark: string | null, leases: number]> {
  const [log, known] = [memoryAuditSink(), memoryRevocationStore({ clock })]
  let [releases, leases] = [0, 0]
  const append: AuditSink['append'] = (event, given) => {
    if (event.kind === 'released' && ++releases === at && fails === 'record') throw new Error('the disk is full')
    return log.append(event, given)
  }
  const findRevocations: RevocationStore['findRevocations'] = async (ids, given) => {
    if (fails === 'look-up' && leases === at - 1 && hasBegun) throw new Error('the store is gone')
    return known.findRevocations(ids, given)
  }
  let hasBegun = false
  const twice = async ({ lease }: GuardedCall): Promise<void> => {
    hasBegun = true
    for (let one = 0; one < 2; one++) {
      await lease()
      leases += 1
    }
  }
  const service = createService({
    audience: self.did,
    subjects: [alice.did],
    handlers: [on({ ...send, credential: 'mail', requests: 2 } as never, twice as never)],
    vault: memoryVault({ mail: { secret: 'canary-of-the-vault', leasable: true } }, { clock }),
    revocations: { findRevocations },
    replay: memoryReplayStore({ clock }),
    audit: { sink: { ...log, append } },
    clock,
  })
  const handler = fetchHandler(service, { onError: () => undefined })
  const headers = { 'content-type': 'application/x-ucan-container' }
  const response = await handler(
    new Request('http://localhost/', { method: 'POST', headers, body: await containerOf() }),
  )
  return [response.headers.get('procura-answer'), leases]
}

describe('the mark of a call whose handler has begun', () => {
  it.each(['record', 'look-up'] as const)(
    'HTP-49 is `refused` only if nothing was released before (the %s fails)',
    async (fails) => {
      expect(await ask(fails, 1)).toEqual(['refused', 0])
      expect(await ask(fails, 2)).toEqual(['failed', 1])
    },
  )
})
