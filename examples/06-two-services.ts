/**
 * One delegation, two services. An agent calls the first service, and delegates the reading of one file to it. The first
 * service calls the second under that authority. Neither asks a third party.
 */
import {
  attenuate,
  createAuthorizer,
  type Decision,
  defineCommand,
  delegate,
  encodeContainer,
  generateSigner,
  invoke,
  type Signer,
} from 'procura'
import { path } from 'procura/arguments'
import { eq, like } from 'procura/policy'
import { memoryStores } from 'procura/store/memory'

const owner = await generateSigner()
const agent = await generateSigner()
const printer = await generateSigner()
const storage = await generateSigner()

const print = defineCommand({ command: '/print', args: { path: path() } })
const read = defineCommand({ command: '/file/read', args: { path: path() } })

const serviceOf = (self: Signer, command: typeof print) =>
  createAuthorizer({
    audience: self.did,
    subjects: [owner.did],
    commands: [command],
    ...memoryStores(),
  })
const atPrinter = serviceOf(printer, print)
const atStorage = serviceOf(storage, read)

const show = (title: string, decision: Decision): void =>
  console.log(
    `${title}: ${decision.allowed ? `allowed, path of ${decision.authorization.principals.length}` : decision.denial.code}`,
  )

// The owner lets the agent print, and read reports.
const mayPrint = await delegate({ issuer: owner, audience: agent.did, command: print })
const mayRead = await delegate({
  issuer: owner,
  audience: agent.did,
  command: read,
  policy: [like('.path', '/reports/*')],
})

// The agent orders one report, and lets the printer read that report for a minute.
const report = { path: '/reports/2026.pdf' }
const forPrinter = await attenuate(mayRead, {
  issuer: agent,
  audience: printer.did,
  policy: [eq('.path', report.path)],
  expiresIn: 60,
})
const order = await invoke({ issuer: agent, audience: printer.did, command: print, args: report, proofs: [mayPrint] })
show('the printer, asked by the agent', await atPrinter.authorize(encodeContainer([order, mayPrint])))

for (const args of [report, { path: '/reports/salaries.pdf' }]) {
  const proofs = [mayRead, forPrinter]
  const fetchIt = await invoke({ issuer: printer, audience: storage.did, command: read, args, proofs })
  show(
    `the storage, asked by the printer for ${args.path}`,
    await atStorage.authorize(encodeContainer([fetchIt, ...proofs])),
  )
}
// A call to one service is not valid at the other.
show('the storage, sent the order to the printer', await atStorage.authorize(encodeContainer([order, mayPrint])))

// the printer, asked by the agent: allowed, path of 2
// the storage, asked by the printer for /reports/2026.pdf: allowed, path of 3
// the storage, asked by the printer for /reports/salaries.pdf: policy_unsatisfied
// the storage, sent the order to the printer: audience_mismatch
