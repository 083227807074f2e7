import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSignerFile } from 'procura/signer/file'
import { expect, it } from 'vitest'
import { namesOf } from '../../../src/gateway/configuration/principal-names.ts'

it('the names of principals are those of agents, and no words and no escapes of a folder that another program made', async () => {
  const home = mkdtempSync(join(tmpdir(), 'procura-names-'))
  const make = async (folder: string, name = 'agent.key'): Promise<string> => {
    mkdirSync(join(home, folder), { recursive: true })
    return (await createSignerFile({ path: join(home, folder, name) })).signer.did
  }
  const did = await make('agents/ada')
  for (const name of ['bob, through agent ada', 'x\u001b[2J', 'a\nb', 'a\u202eb', '-x', 'the owner'])
    await make(`agents/${name}`)
  const owner = await make('', 'owner.key')
  const names = await namesOf({ path: join(home, 'gateway.json'), service: { key: join(home, 'service.key') } })
  expect(names).toEqual({ [did]: 'agent ada', [owner]: 'the owner' })
  rmSync(home, { recursive: true })
})
