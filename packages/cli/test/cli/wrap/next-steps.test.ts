import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Machine, newMachine, wrapVerbs } from './set-up.ts'

let machine: Machine
beforeEach(() => {
  machine = newMachine()
})
afterEach(() => machine.remove())

const { wrap } = wrapVerbs(() => machine)

describe('the next step after a mistake [CLI-30]', () => {
  it('is about the file that was passed', async () => {
    const { home, folder, keyFile } = machine
    const file = machine.write('.mcp.json', '{"mcpServers":{"mail":{"command":"node","env":{"MAIL_KEY":"canary-1"}}}}')
    expect((await wrap(file)).code).toBe(0)
    const own = join(folder, 'own.key')
    await machine.procura(['key', 'new', own])
    const vault = (verb: string, path: string, key = keyFile): string[] => [
      ...['vault', ...verb.split(' '), '--file', path, '--key-file', key],
    ]
    const cases: readonly (readonly [words: readonly string[], message: RegExp])[] = [
      [vault('list', own), /is damaged, or was changed; pass the path of a vault, or restore it/],
      [vault('list', join(home, 'vault'), own), /must have 32 bytes; pass the key that the file was encrypted with/],
      [
        ['unwrap', file, '--home', join(folder, 'other')],
        /are behind another gateway; name their home folder .*--home;/,
      ],
      [['attenuate', file], /--from is missing: the key file of the principal that received the delegation;/],
      [['revoke', file], /for all delegations of the owner to an agent, pass --agent/],
      [['revoke', '--agent', 'claude', '--delegation', 'bafy'], /no such delegation; it has bafyrei\w{52}$/],
    ]
    for (const [words, message] of cases) expect((await machine.procura(words)).err).toMatch(message)
    const { out } = await machine.procura(vault('remove nope', join(home, 'vault')))
    const [, listing = ''] = /`procura (.*)` lists those/.exec(out) ?? []
    expect((await machine.procura(listing.split(' '))).out).toContain('mail.MAIL_KEY')
  })

  it('is refused for the hook of an agent that does not exist, and for an address that is not local', async () => {
    const hook = ['hook', 'install', 'claude', '--server', 'mail', '--file', join(machine.folder, 'a', 'settings.json')]
    const absent = await machine.procura([...hook, '--agent', 'claude'])
    expect([absent.code, absent.err]).toEqual([2, expect.stringMatching(/claude` does not exist; `procura agent list/)])
    await wrap(machine.write('.mcp.json', '{"mcpServers":{"mail":{"command":"node"}}}'))
    expect((await machine.procura(hook)).err).toMatch(/cannot be written \(ENOENT\); make its folder first/)
    const did = 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'
    const place = ['--address', '10.0.0.1:80', '--audience', did, '--subject', did]
    const made = await machine.procura(['agent', 'new', 'x', ...place])
    expect([made.code, made.err]).toEqual([2, expect.stringMatching(/--address must be a loopback address/)])
  })
})
