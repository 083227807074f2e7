import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bundledProcura } from '../../../../../test/support/bundled-procura.ts'
import { until } from '../../../../../test/support/until.ts'
import { newClients, textOf } from '../../gateway/agent-side/connect/client.ts'
import { type GatewayHome, makeGatewayHome } from '../../gateway/serve/gateway-home.ts'
import { servedGateways } from '../../gateway/serve/served-gateway.ts'

describe('the notifications of a gateway', () => {
  const gateways = servedGateways(bundledProcura())
  const clients = newClients()
  let home: GatewayHome
  beforeEach(async () => {
    home = await makeGatewayHome()
  })
  afterEach(async () => {
    await clients.end()
    await gateways.end()
    await home.remove()
  })

  const notify = (value: object): void => home.configure((config) => Object.assign(config, { approvals: value }))

  it('APR-35 begin and end with the configuration, and name a call once', async () => {
    const agent = await home.agent('assistant')
    await agent.give(home.owner, '/mcp/mail/send', [['like', '.to', '*@example.com']])
    const words = join(home.folder, 'words')
    const recorder = `#!/bin/sh\necho "$@" >> '${words}'\n`
    writeFileSync(join(home.folder, 'notify-send'), recorder, { mode: 0o700 })
    notify({ notify: false })
    const env = { PATH: `${home.folder}:/usr/bin:/bin`, DISPLAY: ':0' }
    const gateway = await gateways.serve(home.folder, ['--json'], env)
    const mail = clients.connect(agent.folder)
    await mail.initialize()
    const refused = async (to: string): Promise<string> => textOf(await mail.call('send', { to }))
    expect(await refused('off@evil.example')).toContain('An approval is requested')
    notify({})
    gateway.child.kill('SIGHUP')
    await until(() => gateway.out().includes('"reloaded"'))
    // A request that waits already is not shown again.
    expect(await refused('off@evil.example')).toContain('An approval is requested')
    expect(await refused('on@evil.example')).toContain('An approval is requested')
    await until(() => existsSync(words) && readFileSync(words, 'utf8').endsWith('\n'))
    expect(readFileSync(words, 'utf8')).toBe(
      `--app-name=Procura -- An approval is requested The agent \`assistant\` wants to call mail/send: run \`procura approve --home ${home.folder}\` in a terminal\n`,
    )
    expect(gateway.out()).toContain(`"request":{"agent":"${agent.signer.did}","command":"/mcp/mail/send"}`)
    expect(gateway.out()).not.toContain('evil.example')
  })
})
