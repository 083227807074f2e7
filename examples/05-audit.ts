/**
 * The audit log: pseudonyms in place of DIDs, only the listed arguments, and a chain of hashes that shows the first changed
 * record.
 */
import { randomBytes } from 'node:crypto'
import { defineCommand, delegate, encodeContainer, generateSigner, invoke } from 'procura'
import { email, integer } from 'procura/arguments'
import { memoryAuditSink } from 'procura/audit'
import { createPseudonymizer } from 'procura/audit/privacy'
import { verifyAuditLog } from 'procura/audit/verify'
import { createGuard } from 'procura/guard'
import { lte } from 'procura/policy'
import { memoryStores } from 'procura/store/memory'

const [owner, agent, service] = [await generateSigner(), await generateSigner(), await generateSigner()]
const pay = defineCommand({ command: '/account/pay', args: { to: email(), cents: integer({ min: 1 }) } })
const sink = memoryAuditSink()
const guard = createGuard({
  audience: service.did,
  subjects: [owner.did],
  commands: [{ ...pay, show: ['cents'] }],
  ...memoryStores(),
  audit: { sink, pseudonymize: createPseudonymizer({ key: randomBytes(32), epoch: '2026-11' }) },
})

const policy = [lte('.cents', 5_000)]
const grant = await delegate({ issuer: owner, audience: agent.did, command: pay, policy })
for (const cents of [4_200, 9_900]) {
  const args = { to: 'ann@example.com', cents }
  const call = await invoke({ issuer: agent, audience: service.did, command: pay, args, proofs: [grant] })
  await guard.use(encodeContainer([call, grant]), () => 'paid')
}
await guard.close()

for (const { sequence, event } of sink.records()) {
  const shown = event.kind === 'intent' ? JSON.stringify(event.args) : event.kind === 'denied' ? event.code : ''
  console.log(`${sequence} ${event.kind} ${shown}`.trimEnd())
}
const lines = [...sink.lines()]
const names = [owner.did, agent.did, 'ann@example.com'].filter((name) => lines.join().includes(name))
console.log('names in the log:', names.length)

const report = await verifyAuditLog(lines)
console.log('as written:', report.valid)
const edited = lines.with(0, (lines[0] as string).replace('4200', '1'))
const verdict = await verifyAuditLog(edited)
console.log('with an amount changed:', verdict.valid || `record ${verdict.fault.sequence} ${verdict.fault.kind}`)
const shortened = await verifyAuditLog(lines.slice(0, 2), report.valid ? { head: report.head } : {})
console.log('without its end:', shortened.valid || shortened.fault.kind)

// 1 intent {"cents":4200}
// 2 outcome
// 3 denied policy_unsatisfied
// names in the log: 0
// as written: true
// with an amount changed: record 1 edited
// without its end: truncated
