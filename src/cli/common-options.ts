import type { VerbOption } from './verb.ts'

/** Prints JSON. */
export const json: VerbOption = { name: 'json', about: 'print JSON' }

/** The key of an encrypted key file. */
export const keyFile: VerbOption = {
  name: 'key-file',
  value: 'FILE',
  about: 'the key of an encrypted key file; default: the passphrase in PROCURA_KEY_PASSPHRASE, or from the terminal',
}

/** The key of an encrypted file of delegations. */
export const delegationsKeyFile: VerbOption = {
  name: 'delegations-key-file',
  value: 'FILE',
  about:
    'the key of an encrypted file of delegations; default: the passphrase in PROCURA_DELEGATIONS_PASSPHRASE, or from the terminal',
}
