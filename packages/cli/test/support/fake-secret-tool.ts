import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Keyring, systemKeyring } from '../../src/support/keyring.ts'

/** A program `secret-tool`, which keeps its entries in a folder. */
export interface FakeSecretTool {
  /** The folder of the program, for `PATH`. */
  readonly bin: string
  readonly keyring: Keyring
  /** The passphrases of all entries. */
  entries(): readonly string[]
  /** The words of each start of the program. */
  calls(): readonly string[]
  /** Sets how it fails: it has no service, stores nothing, or stores something else. */
  fail(way: 'silent' | 'locked' | 'forgetful' | undefined): void
  forget(): void
}

const script = (store: string): string => `#!/bin/sh
set -e
cd '${store}'
echo "$*" >> calls
env | grep -i passphrase >> calls || true
verb=$1
shift
if [ -e silent ]; then echo 'secret-tool: Cannot autolaunch D-Bus' >&2; exit 1; fi
if [ "$verb" = store ]; then
  shift
  if [ -e locked ]; then echo 'secret-tool: the collection is locked' >&2; exit 1; fi
fi
name="entry$(echo "$*" | tr '/ ' '__')"
if [ "$verb" = store ]; then
  cat > draft
  if [ -e forgetful ]; then echo 'another one' > draft; fi
  mv draft "$name"
elif [ "$verb" = clear ]; then
  rm -f "$name"
else
  [ "$verb" = lookup ] && [ -e "$name" ] || exit 1
  cat "$name"
fi
`

/** Makes the program in a new folder below another one. */
export function fakeSecretTool(below: string): FakeSecretTool {
  const [bin, store] = [join(below, 'keyring', 'bin'), join(below, 'keyring', 'store')]
  for (const folder of [bin, store]) mkdirSync(folder, { recursive: true })
  writeFileSync(join(bin, 'secret-tool'), script(store), { mode: 0o755 })
  const names = (): readonly string[] => readdirSync(store).filter((name) => name.startsWith('entry'))
  const calls = join(store, 'calls')
  return {
    bin,
    keyring: systemKeyring({ PATH: `${bin}:${process.env['PATH']}` }, 'linux') as Keyring,
    entries: () => names().map((name) => readFileSync(join(store, name), 'utf8')),
    calls: () => (existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n') : []),
    fail(way) {
      for (const one of ['silent', 'locked', 'forgetful']) rmSync(join(store, one), { force: true })
      if (way !== undefined) writeFileSync(join(store, way), '')
    },
    forget: () => {
      for (const name of names()) rmSync(join(store, name))
    },
  }
}
