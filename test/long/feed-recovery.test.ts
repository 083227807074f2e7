import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { revocationFeed } from '../../src/revocation-sources/feed/revocation-feed.ts'
import type { FollowerOptions, FollowerRequest } from '../revocation-sources/follower-process.ts'
import { serveFetch } from '../revocation-sources/serve.ts'
import { type PacketNetwork, packetNetwork } from '../services/packet-network.ts'
import { service as packets } from '../services/packets.service.ts'
import { proxyTo } from '../services/proxy.ts'
import { isMissing } from '../services/service.ts'
import { root } from '../setup/entries.ts'
import { actor } from '../support/actors.ts'
import { bundleProgram } from '../support/bundle-program.ts'

/** Seconds after which look-ups are refused: more than those after which a silent connection is closed. */
const maxAge = 14
/** Seconds of the failures. The waits of TCP grow to many seconds within the longer ones. */
const durations = [15, 17, 20, 26, 37]
/** A fault of the library, such as a follower that never connects again, would take longer than this. */
const mostMs = 20_000

async function start(program: string, network: PacketNetwork, options: FollowerOptions): Promise<ChildProcess> {
  const [execPath, ...execArgv] = network.inside([process.execPath, '--no-warnings'])
  const child = fork(program, [JSON.stringify(options)], { execPath, execArgv })
  await once(child, 'message')
  return child
}

async function until(child: ChildProcess, wanted: FollowerRequest): Promise<void> {
  const answer = once(child, 'message')
  child.send(wanted)
  await answer
}

it('RVK-27 RVK-20 a copy is current again soon after packets of the feed were dropped', async () => {
  if (isMissing(packets)) return
  const folder = mkdtempSync(join(tmpdir(), 'procura-follower-'))
  const program = await bundleProgram(
    `${root}test/revocation-sources/follower-process.ts`,
    join(folder, 'follower.mjs'),
  )
  const publisher = await actor('service')
  const feed = revocationFeed({ journal: memoryRevocationStore(), signer: publisher, authorize: () => true })
  const served = await serveFetch(feed.fetch)
  const network = await packetNetwork()
  const relay = await proxyTo(Number(new URL(served.url).port), network.address)
  const url = `http://${network.address}:${relay.port}/revocations`
  const child = await start(program, network, { url, publisher: publisher.did, maxAge })
  try {
    await until(child, 'answered')
    const times: number[] = []
    for (const duration of durations) {
      network.drop('both')
      const refused = until(child, 'refused')
      await new Promise((resolve) => setTimeout(resolve, 1_000 * duration))
      await refused
      network.heal()
      const healed = performance.now()
      await until(child, 'answered')
      times.push(performance.now() - healed)
    }
    process.stdout.write(`a copy is current after ${times.map((time) => time.toFixed(0)).join(', ')} ms\n`)
    expect(Math.max(...times)).toBeLessThan(mostMs)
  } finally {
    child.kill('SIGKILL')
    feed.close()
    await relay.close()
    await network.close()
    await served.close()
    rmSync(folder, { recursive: true })
  }
})
