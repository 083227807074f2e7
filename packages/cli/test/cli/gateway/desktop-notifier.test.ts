import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createNotifier, type NotifierOptions } from '../../../src/cli/gateway/desktop-notifier.ts'

/** A program that adds its words to a file, each between its own brackets, and ends the line last. */
const recorder = '#!/bin/sh\nfor word in "$@"; do printf "[%s]" "$word"; done >> "$WORDS"\necho >> "$WORDS"\n'

describe('a notification on the desktop', () => {
  let folder: string
  let faults: string[]
  let ends: (() => void)[]
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'procura-notify-'))
    faults = []
    ends = []
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  })
  afterEach(() => {
    for (const end of ends) end()
    vi.useRealTimers()
    rmSync(folder, { recursive: true })
  })

  function program(name: string, text = recorder): void {
    writeFileSync(join(folder, name), text)
    chmodSync(join(folder, name), 0o700)
  }

  const shown = (): readonly string[] =>
    existsSync(join(folder, 'words')) ? readFileSync(join(folder, 'words'), 'utf8').split('\n').slice(0, -1) : []

  function notifier(
    more: Partial<NotifierOptions> = {},
    env: Readonly<Record<string, string>> = { DISPLAY: ':0' },
  ): ReturnType<typeof createNotifier> {
    const made = createNotifier({
      env: {
        PATH: `${folder}:/usr/bin:/bin`,
        WORDS: join(folder, 'words'),
        PROCURA_VAULT_PASSPHRASE: 'canary',
        ...env,
      },
      command: '`procura approve`',
      onFault: (fault) => faults.push(fault),
      platform: 'linux',
      ...more,
    })
    ends.push(() => made?.close())
    return made
  }

  it('APR-34 APR-36 names the agent, the tool and the command, in words that are no script and no markup', async () => {
    program('notify-send')
    program('osascript')
    const agent = '--help <b>$(touch x)</b>\n`id`'
    notifier()?.show({ agent, command: '/mcp/mail/send' })
    await expect.poll(shown).toHaveLength(1)
    expect(shown()[0]).toBe(
      '[--app-name=Procura][--][An approval is requested][The agent `--help &lt;b&gt;$(touch x)&lt;/b&gt;\\u000a\\u0060id\\u0060` wants to call mail/send: run `procura approve` in a terminal]',
    )
    notifier({ platform: 'darwin' }, {})?.show({ agent: undefined, command: '/http/crm' })
    await expect.poll(shown).toHaveLength(2)
    expect(shown()[1]).toBe(
      '[-e][on run argv][-e][display notification (item 2 of argv) with title (item 1 of argv)][-e][end run][An approval is requested][An unknown agent wants to call crm: run `procura approve` in a terminal]',
    )
    expect(faults).toEqual([])
  })

  it('APR-34 is shown once in a while, however many calls an agent makes', async () => {
    program('notify-send')
    const made = notifier()
    for (let number = 0; number < 300; number += 1) made?.show({ agent: 'claude', command: `/mcp/mail/t${number}` })
    await expect.poll(shown).toHaveLength(1)
    vi.advanceTimersByTime(15_000)
    expect(shown()).toHaveLength(1)
    made?.show({ agent: 'claude', command: '/mcp/mail/send' })
    vi.advanceTimersByTime(15_000)
    await expect.poll(shown).toHaveLength(2)
    expect(shown()[1]).toContain('[Approvals are requested][300 more calls wait: run `procura approve` in a terminal]')
    vi.advanceTimersByTime(30_000)
    made?.show({ agent: 'claude', command: '/mcp/mail/send' })
    await expect.poll(shown).toHaveLength(3)
    expect(shown()[2]).toContain('The agent `claude` wants to call mail/send')
  })

  it('APR-34 is not tried without a desktop', () => {
    expect(notifier({}, {})).toBeUndefined()
    expect(notifier({}, { DISPLAY: '' })).toBeUndefined()
    expect(notifier({ platform: 'win32' })).toBeUndefined()
    for (const name of ['WAYLAND_DISPLAY', 'DBUS_SESSION_BUS_ADDRESS'])
      expect(notifier({}, { [name]: 'x' })).toBeDefined()
  })

  it('APR-35 fails with one message, and is tried again', async () => {
    const made = notifier({}, { DISPLAY: ':0', PATH: folder })
    made?.show({ agent: 'claude', command: '/mcp/mail/send' })
    await expect.poll(() => faults).toHaveLength(1)
    expect(faults[0]).toBe('no notification was shown: `notify-send` could not be started (ENOENT)')
    program('notify-send', `${recorder}exit 3\n`)
    vi.advanceTimersByTime(30_000)
    made?.show({ agent: 'claude', command: '/mcp/mail/send' })
    await expect.poll(shown).toHaveLength(1)
    expect(faults).toHaveLength(1)
  })

  it('APR-36 gives the program no passphrase', async () => {
    program('notify-send', '#!/bin/sh\nenv > "$WORDS"\n')
    notifier()?.show({ agent: 'claude', command: '/mcp/mail/send' })
    await expect.poll(() => shown().length).toBeGreaterThan(2)
    expect(shown().join('\n')).not.toContain('canary')
  })
})
